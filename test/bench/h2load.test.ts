import { describe, expect, it } from 'vitest'

import { readOutput } from '../../bench/load/h2load.ts'

const OUTPUT = `starting benchmark...
TLS Protocol: TLSv1.3
Cipher: TLS_AES_256_GCM_SHA384
Application protocol: http/1.1
finished in 812.50ms, 24615.38 req/s, 4.37MB/s
requests: 20000 total, 20000 started, 20000 done, 20000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 20000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 3.55MB (3724032) total, 1.68MB (1764032) headers (space savings 0.00%), 1.91MB (2000000) data
`
const asked = { protocol: 'http/1.1', requests: 20_000, bodyLength: 100 } as const

describe('what h2load printed', () => {
  it('counts as right when every number is what was asked', () => {
    const result = readOutput(OUTPUT, asked)
    expect(result).toEqual({ requests: 20_000, failures: 0, problems: [], seconds: 0.8125 })
  })

  it('reads seconds and minutes', () => {
    expect(readOutput(OUTPUT.replace('812.50ms', '2.5s'), asked).seconds).toBe(2.5)
    expect(readOutput(OUTPUT.replace('812.50ms', '1.50m'), asked).seconds).toBe(90)
  })

  it('is a failure when an answer has another status', () => {
    const output = OUTPUT.replace(
      '20000 2xx, 0 3xx, 0 4xx, 0 5xx',
      '19990 2xx, 0 3xx, 0 4xx, 10 5xx',
    )
    const { failures, problems } = readOutput(output, asked)
    expect(failures).toBe(10)
    expect(problems).toEqual(['19990 of 20000 answers have status 2xx'])
  })

  it('is a failure when bodies are short', () => {
    expect(readOutput(OUTPUT.replace('(2000000)', '(1999999)'), asked)).toMatchObject({
      failures: 1,
      problems: ['bodies have 1999999 bytes instead of 2000000'],
    })
  })

  it('is a failure when another protocol was spoken', () => {
    const { failures, problems } = readOutput(OUTPUT, { ...asked, protocol: 'h2' })
    expect(failures).toBe(1)
    expect(problems).toEqual(['spoke http/1.1 instead of h2'])
  })

  it('is a failure when nothing of it can be read', () => {
    expect(readOutput('segmentation fault', asked).failures).toBeGreaterThan(0)
  })
})
