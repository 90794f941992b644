import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { parseHostname } from '#domain/hostname.ts'
import { silentLogger } from '#lib/log.ts'
import { startApi, type ApiServer } from '#test/api-server.ts'

const PATH = '/client/v4/held_domains'
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

let api: ApiServer
beforeEach(async () => {
  api = await startApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const put = (domain: string, body?: unknown): ReturnType<ApiServer['fetch']> =>
  api.fetch(`${PATH}/${domain}`, { method: 'PUT', body })
const held = (domain: string): Promise<unknown> => api.store.holds.find(parseHostname(domain))

describe('a held domain', () => {
  it('is put with all below it unless the caller says otherwise, and wakes who blocks', async () => {
    const { status, json } = await put('Customer.COM.')
    const hold = { domain: 'customer.com', include_subdomains: true }
    expect(status).toBe(200)
    expect(json).toEqual({
      success: true,
      errors: [],
      messages: [],
      result: { ...hold, created_at: INSTANT, updated_at: INSTANT },
    })
    expect(api.woken).toBe(1)
    expect(await held('customer.com')).toMatchObject({ includeSubdomains: true })
  })

  it('is replaced by what is put', async () => {
    const first = await put('customer.com', { reason: 'ticket 7', include_subdomains: true })
    expect(first.json.result).toMatchObject({ reason: 'ticket 7', include_subdomains: true })
    const second = await put('customer.com', { include_subdomains: false, reason: null })
    expect(second.json.result).toMatchObject({ include_subdomains: false })
    expect(second.json.result).not.toHaveProperty('reason')
    expect(second.json.result.created_at).toBe(first.json.result.created_at)
    expect(second.json.result.updated_at > first.json.result.updated_at).toBe(true)
  })

  it('says since when everything that was there is blocked', async () => {
    const { json: before } = await put('customer.com')
    expect(before.result).not.toHaveProperty('enforced_at')
    const hold = await api.store.holds.findUnenforced()
    if (hold) await api.store.holds.noteEnforced(hold, Date.UTC(2026, 10, 23))
    const { status, json } = await api.fetch(`${PATH}/customer.com`)
    expect(status).toBe(200)
    expect(json.result).toEqual({ ...before.result, enforced_at: '2026-11-23T00:00:00.000Z' })
  })

  it('is gone once it was deleted', async () => {
    await put('customer.com')
    const remove = () => api.fetch(`${PATH}/customer.com`, { method: 'DELETE' })
    const { status, json } = await remove()
    expect([status, json.result]).toEqual([200, { domain: 'customer.com' }])
    expect(await held('customer.com')).toBeUndefined()
    for (const { status: again, json: failure } of [
      await remove(),
      await api.fetch(`${PATH}/customer.com`),
    ]) {
      expect([again, failure.errors[0].code]).toEqual([404, 11404])
    }
  })

  it('is in the log by whom it was put and removed, and wakes who carries that out', async () => {
    const lines: unknown[] = []
    const log = {
      ...silentLogger,
      info: (fields: object, text: string) => lines.push([fields, text]),
    }
    await using logged = await startApi({ deps: { log } })
    const path = `${PATH}/customer.com`
    await logged.fetch(path, { method: 'PUT', body: { reason: 'ticket 7' } })
    await logged.fetch(path, { method: 'DELETE' })
    const who = { domain: 'customer.com', by: 'bootstrap token' }
    expect(lines).toContainEqual([
      { ...who, reason: 'ticket 7', includeSubdomains: true },
      'domain held',
    ])
    expect(lines).toContainEqual([who, 'domain held no longer'])
    expect(await logged.store.holds.findUnenforced()).toMatchObject({ by: 'bootstrap token' })
    expect(logged.woken).toBe(2)
  })

  it('is listed in pages, in order of domain', async () => {
    const names = ['g', 'c', 'a', 'b', 'e', 'd', 'f'].map((label) => `${label}.com`)
    for (const name of names) await put(name)
    const { json } = await api.fetch(`${PATH}?per_page=5&page=2&direction=desc`)
    expect(json.result.map(({ domain }: { domain: string }) => domain)).toEqual(['b.com', 'a.com'])
    const info = { page: 2, per_page: 5, count: 2, total_count: 7, total_pages: 2 }
    expect(json.result_info).toEqual(info)
    expect((await api.fetch(`${PATH}?per_page=1001`)).status).toBe(400)
  })

  it('may be as long as a name can be', async () => {
    const label = 'a'.repeat(61)
    const name = `${label}.${label}.${label}.${label}.com`
    expect((await put(name)).status).toBe(200)
    expect((await api.fetch(`${PATH}/${name}`)).json.result.domain).toBe(name)
  })

  it('may be an international name, written as punycode', async () => {
    expect((await put('xn--bcher-kva.de')).status).toBe(200)
  })

  it.each([
    ['a public suffix', 'co.uk', 'is a public suffix: "co.uk"'],
    ['a top-level domain', 'com', 'is a public suffix: "com"'],
    ['a private suffix', 'github.io', 'is a public suffix: "github.io"'],
    ['without a suffix', 'intranet', 'has no public suffix'],
    ['reserved', 'app.localhost', 'must not be under the reserved .localhost'],
    ['not ASCII', 'b%C3%BCcher.de', 'must be ASCII'],
    ['a wildcard', '*.customer.com', 'must not be a wildcard'],
    ['an IP address', '192.0.2.1', 'must not be an IP address'],
    ['with a space', 'a%20b.com', 'labels have 1 to 63'],
    ['of more than 253 characters', `${'a.'.repeat(130)}com`, 'must have at most 253'],
  ])('is refused when it is %s', async (_what, domain, reason) => {
    for (const method of ['PUT', 'GET', 'DELETE']) {
      const { status, json } = await api.fetch(`${PATH}/${domain}`, { method })
      expect([status, json.errors[0].code]).toEqual([400, 11400])
      expect(json.errors[0].message).toMatch(/^Invalid held domain: /)
      expect(json.errors[0].message).toContain(reason)
    }
  })

  it.each([
    ['a list', [], 'the body: must be a JSON object', ''],
    ['a number as reason', { reason: 7 }, 'reason: must be a string: received 7', '/reason'],
    ['a long reason', { reason: 'x'.repeat(1001) }, 'at most 1000 characters', '/reason'],
    [
      'a word for a truth value',
      { include_subdomains: 'yes' },
      'include_subdomains: must be true or false: received "yes"',
      '/include_subdomains',
    ],
  ])('is refused with %s', async (_what, body, reason, pointer) => {
    const { status, json } = await put('customer.com', body)
    expect([status, json.errors[0].code]).toEqual([400, 1400])
    expect(json.errors[0].message).toContain(reason)
    expect(json.errors[0].source).toEqual({ pointer })
    expect(await held('customer.com')).toBeUndefined()
  })

  it('is nobody’s business without a token', async () => {
    const headers = { authorization: 'Bearer wrong' }
    for (const method of ['PUT', 'GET', 'DELETE']) {
      const { status } = await api.fetch(`${PATH}/customer.com`, { method, headers })
      expect(status).toBe(403)
    }
    expect(await held('customer.com')).toBeUndefined()
  })
})
