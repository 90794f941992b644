import { connect } from 'node:net'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { StoreError } from '#store/store.ts'
import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'

/**
 * Attack: requests made to exhaust, confuse or leak. Rule: whatever comes is answered in the
 * envelope, within fixed bounds, and changes nothing for others.
 */
const PATH = `/client/v4/zones/${ZONE_ID}/custom_hostnames`
let api: ApiServer
beforeAll(async () => {
  api = await startApi()
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

describe('bodies', () => {
  it.each([
    ['cut off', '{"hostname":'],
    ['not JSON', 'hostname=a.com'],
    ['empty', ''],
    ['null', 'null'],
    ['an array', '[]'],
    ['a string', '"a.com"'],
    ['with a __proto__ key', '{"hostname":"a.tenant.com","__proto__":{"admin":true}}'],
    [
      'with a nested __proto__ key',
      '{"hostname":"a.tenant.com","custom_metadata":{"__proto__":{}}}',
    ],
    ['with a constructor key', '{"hostname":"a.tenant.com","constructor":{"prototype":{"a":1}}}'],
    ['nested 100,000 deep', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['nested deep in a field', `{"hostname":"a.tenant.com","custom_metadata":${deep(2000)}}`],
  ])('%s give 400 and 1400', async (_what, body) => {
    const { status, json } = await api.fetch(PATH, { method: 'POST', body })
    expect([status, json.errors[0].code]).toEqual([400, 1400])
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  it('larger than the limit give 413 and are not sent again', async () => {
    const body = JSON.stringify({ hostname: 'a.tenant.com', filler: 'x'.repeat(300_000) })
    const { status, headers, json } = await api.fetch(PATH, { method: 'POST', body })
    expect([status, json.errors[0].code]).toEqual([413, 10413])
    expect(json.errors[0].message).toContain('262144')
    expect(headers.get('x-should-retry')).toBe('false')
  })

  it('of another type give 415', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const { status, json } = await api.fetch(PATH, { method: 'POST', body: 'a=b', headers })
    expect([status, json.errors[0].code]).toEqual([415, 10415])
  })

  it('none at all gives 400, and none is needed to delete', async () => {
    expect((await api.fetch(PATH, { method: 'POST' })).status).toBe(400)
    const headers = { 'content-type': 'application/json' }
    const path = `${PATH}/3f1c4a52-1b7e-4a51-9a53-0d6a2f0f0f0f`
    expect((await api.fetch(path, { method: 'DELETE', headers })).status).toBe(404)
  })
})

describe('paths', () => {
  it.each([
    ['/', '/'],
    ['/client/v4', '/client/v4'],
    ['/client/v4/user', '/client/v4/user'],
    ['/client/v4/zones/nope', '/client/v4/zones/nope'],
    [`/client/v4/zones/${'F'.repeat(32)}`, `/client/v4/zones/${'F'.repeat(32)}`],
    [`/client/v4/zones/${'a'.repeat(5000)}`, '/client/v4/zones/aaa'],
    ['/client/v4/zones/%', '/client/v4/zones/%'],
    ['/client/v4/../../etc/passwd', '/etc/passwd'],
    ['/docs/static/..%2f..%2f..%2fpackage.json', '/docs/static/'],
  ])('%s gives 404 and 7003', async (path, shown) => {
    const { status, json, text } = await api.fetch(path)
    expect([status, json.errors[0].code]).toEqual([404, 7003])
    expect(json.errors[0].message).toContain(`Could not route to ${shown}`)
    expect(text.length).toBeLessThan(500)
  })

  it('that exist give 405 and what is allowed for any other method', async () => {
    const { status, json, headers } = await api.fetch(`${PATH}/fallback_origin`, { method: 'POST' })
    expect([status, json.errors[0].code]).toEqual([405, 7001])
    expect(headers.get('allow')).toBe('DELETE, GET, HEAD, PATCH, PUT')
    expect((await api.fetch('/healthz', { method: 'DELETE' })).status).toBe(405)
  })

  it('with an id of the wrong form give 400 and 1435', async () => {
    const { status, json } = await api.fetch(`${PATH}/not-an-id`)
    expect([status, json.errors[0].code]).toEqual([400, 1435])
  })

  it('with a very long query give an answer in the envelope', async () => {
    const { status, json } = await api.fetch(`${PATH}?hostname=${'a'.repeat(100_000)}`)
    expect([status, json.errors[0].code]).toEqual([431, 10431])
    const many = await api.fetch(`${PATH}?${'x=1&'.repeat(3000)}`)
    expect(many.status).toBe(200)
  })

  it('with a query that names parts of an object are harmless', async () => {
    const query = '__proto__=1&constructor=1&hostname[contain]=a&toString=1'
    expect((await api.fetch(`${PATH}?${query}`)).status).toBe(200)
  })
})

describe('bytes that are no HTTP request', () => {
  it('get 400 in the envelope and the connection is closed', async () => {
    const answer = await exchange('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03')
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('"code":1400')
    expect(answer).toContain('connection: close')
  })
})

describe('faults of ours', () => {
  it('are answered as 500 without what happened', async () => {
    await using broken = await startApi({
      deps: { metrics: () => Promise.reject(new Error('the password is hunter2')) },
    })
    const { status, text, json, headers } = await broken.fetch('/metrics')
    expect([status, json.errors]).toEqual([500, [{ code: 1500, message: 'Internal Server Error' }]])
    expect(text).not.toContain('hunter2')
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('of a store that is away are answered as 503 with Retry-After', async () => {
    await using broken = await startApi({
      deps: { metrics: () => Promise.reject(new StoreError('unavailable', 'disk full')) },
    })
    const { status, json, headers } = await broken.fetch('/metrics')
    expect([status, json.errors[0].code]).toEqual([503, 10503])
    expect(headers.get('retry-after')).toBe('1')
  })
})

function deep(levels: number): string {
  return '{"a":'.repeat(levels) + '1' + '}'.repeat(levels)
}

/** Sends raw bytes and reads until the server closes. */
function exchange(bytes: string): Promise<string> {
  const { port } = new URL(api.url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(bytes, 'latin1'))
    socket.setEncoding('utf8')
    socket.on('data', (text) => (answer += text))
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}
