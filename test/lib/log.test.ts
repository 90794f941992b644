import { describe, expect, it } from 'vitest'

import { createLogger, type LogLevel } from '#lib/log.ts'

function record(level?: LogLevel): {
  log: ReturnType<typeof createLogger>
  lines: () => Record<string, unknown>[]
} {
  const written: string[] = []
  const write = (line: string): number => written.push(line)
  const log = createLogger(level ? { level, write } : { write })
  return { log, lines: () => written.map((line) => JSON.parse(line)) }
}

describe('a logger', () => {
  it('writes one JSON object a line, with level, time and message', () => {
    const { log, lines } = record()
    log.info({ hostname: 'app.customer.com' }, 'hostname is active')
    const [line] = lines()
    expect(line).toMatchObject({
      level: 'info',
      hostname: 'app.customer.com',
      msg: 'hostname is active',
    })
    expect(String(line?.['time'])).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  it('keeps a line a line, whatever is in the fields', () => {
    const written: string[] = []
    const log = createLogger({ write: (line) => written.push(line) })
    log.warn({ path: '/a\nlevel: error' }, 'odd\nrequest')
    expect(written).toHaveLength(1)
    expect(written[0]?.trimEnd()).not.toContain('\n')
  })

  it.each([
    ['error', 1],
    ['warn', 2],
    ['info', 3],
    ['debug', 4],
    ['silent', 0],
  ] as const)('set to %s writes so many of the four levels: %i', (level, count) => {
    const { log, lines } = record(level)
    for (const each of ['error', 'warn', 'info', 'debug'] as const) log[each]({}, each)
    expect(lines()).toHaveLength(count)
  })

  it('writes the level info and above unless told otherwise', () => {
    const { log, lines } = record()
    log.debug({}, 'not this')
    log.info({}, 'this')
    expect(lines().map(({ msg }) => msg)).toEqual(['this'])
  })

  it('shows an error with its kind, its stack and its cause', () => {
    const { log, lines } = record()
    const err = new TypeError('cannot dial', { cause: new Error('refused') })
    log.error({ err }, 'request failed')
    expect(lines()[0]?.['err']).toMatchObject({ type: 'TypeError' })
    expect(JSON.stringify(lines()[0]?.['err'])).toContain('refused')
  })

  it('hands its fields to its children', () => {
    const { log, lines } = record()
    log.child({ room: 'edge' }).child({ worker: 2 }).info({}, 'started')
    expect(lines()[0]).toMatchObject({ room: 'edge', worker: 2 })
  })
})
