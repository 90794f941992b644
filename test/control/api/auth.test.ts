import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createTokenAuthenticator, readCredentials } from '#control/api/auth.ts'
import { API_TOKEN, startApi, type ApiServer } from '#test/api-server.ts'

const PATH = '/client/v4/zones'

function get(api: ApiServer, headers: Record<string, string>): Promise<Response> {
  return fetch(api.url + PATH, { headers })
}

describe('a request', () => {
  let api: ApiServer
  beforeAll(async () => {
    api = await startApi()
  })
  afterAll(async () => {
    await api[Symbol.asyncDispose]()
  })

  it.each([
    ['a bearer token', { authorization: `Bearer ${API_TOKEN}` }, 200, undefined],
    ['a bearer token in lower case', { authorization: `bearer ${API_TOKEN}` }, 200, undefined],
    ['the key pair', { 'x-auth-email': 'a@b.c', 'x-auth-key': API_TOKEN }, 200, undefined],
    ['nothing', {}, 401, 1403],
    ['a key without e-mail', { 'x-auth-key': API_TOKEN }, 401, 1403],
    ['an e-mail without key', { 'x-auth-email': 'a@b.c' }, 401, 1403],
    ['an empty token', { authorization: 'Bearer ' }, 401, 1000],
    ['Basic', { authorization: 'Basic YTpi' }, 401, 1000],
    ['two words', { authorization: `Bearer ${API_TOKEN} x` }, 401, 1000],
    ['a huge token', { authorization: `Bearer ${'x'.repeat(2000)}` }, 401, 1000],
    ['a wrong token', { authorization: 'Bearer wrong' }, 403, 9109],
    ['the start of the token', { authorization: `Bearer ${API_TOKEN.slice(0, -1)}` }, 403, 9109],
    ['a wrong key', { 'x-auth-email': 'a@b.c', 'x-auth-key': 'wrong' }, 403, 10000],
  ])('with %s', async (_what, headers: Record<string, string>, status, code) => {
    const response = await get(api, headers)
    expect(response.status).toBe(status)
    const { errors } = (await response.json()) as { errors: { code: number }[] }
    expect(errors[0]?.code).toBe(code)
    const isChallenged = response.headers.get('www-authenticate')?.startsWith('Bearer') ?? false
    expect(isChallenged).toBe(status === 401)
  })

  it('is refused before its body is looked at', async () => {
    const init = { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }
    expect((await fetch(api.url + PATH, init)).status).toBe(401)
  })

  it('needs no token for health, readiness, metrics and documentation', async () => {
    await using api = await startApi({
      deps: { readiness: async () => ({ ready: false, reasons: ['no edge'] }) },
    })
    const open = async (path: string): Promise<[number, string]> => {
      const response = await fetch(api.url + path)
      return [response.status, await response.text()]
    }
    expect(await open('/healthz')).toEqual([200, '{"status":"ok"}'])
    expect(await open('/readyz')).toEqual([503, '{"ready":false,"reasons":["no edge"]}'])
    expect(await open('/metrics')).toEqual([200, expect.stringContaining('\ncustos_test 1\n')])
    expect((await open('/openapi.json'))[0]).toBe(200)
  })
})

describe('rates', () => {
  it('slow down whoever guesses, also once he has the right token', async () => {
    await using api = await startApi({ settings: { rateLimits: { failuresPerAddress: 3 } } })
    const guess = (token: string): Promise<Response> =>
      get(api, { authorization: `Bearer ${token}` })
    for (let at = 0; at < 3; at++) expect((await guess(`wrong-${at}`)).status).toBe(403)
    const refused = await guess('wrong-3')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await refused.json()).toMatchObject({ success: false, errors: [{ code: 10429 }] })
    expect((await guess(API_TOKEN)).status).toBe(429)
  })

  it('do not lock out a client that was let in before, whoever guesses beside it', async () => {
    await using api = await startApi({ settings: { rateLimits: { failuresPerAddress: 2 } } })
    const good = { authorization: `Bearer ${API_TOKEN}` }
    expect((await get(api, good)).status).toBe(200)
    for (let at = 0; at < 5; at++) await get(api, { authorization: 'Bearer wrong' })
    expect((await get(api, good)).status).toBe(200)
  })

  it('bound the requests of one token', async () => {
    await using api = await startApi({ settings: { rateLimits: { requestsPerToken: 2 } } })
    const first = await api.fetch(PATH)
    expect(first.headers.get('x-ratelimit-limit')).toBe('2')
    expect(first.headers.get('x-ratelimit-remaining')).toBe('1')
    expect((await api.fetch(PATH)).status).toBe(200)
    const third = await api.fetch(PATH)
    expect([third.status, third.json.errors[0].code]).toEqual([429, 10429])
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('the parts', () => {
  it('know their token and no other', () => {
    const authenticate = createTokenAuthenticator('secret')
    expect(authenticate('secret')).toEqual({ id: 'admin', name: 'bootstrap token' })
    for (const wrong of ['', 'Secret', 'secre', 'secret ', 'secretsecret']) {
      expect(authenticate(wrong)).toBeUndefined()
    }
  })

  it('prefer the Authorization header to the pair', () => {
    const pair = { 'x-auth-email': 'a@b.c', 'x-auth-key': 'key' }
    expect(readCredentials({ ...pair, authorization: 'Bearer token' })).toEqual({
      token: 'token',
      form: 'bearer',
    })
    expect(readCredentials(pair)).toEqual({ token: 'key', form: 'key' })
  })
})
