import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { CIPHERS } from '#control/api/ssl-input.ts'
import { startApi, ZONE_ID, type ApiServer, type RawAnswer } from '#test/api-server.ts'

/** What PATCH does with each field, sent, left out, null and empty (spec section 1.5). */
let api: ApiServer
beforeAll(async () => {
  api = await startApi()
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

const PATH = `/client/v4/zones/${ZONE_ID}/custom_hostnames`
const SSL = { method: 'http', type: 'dv' }

let counted = 0
async function create(rest: object = { ssl: SSL }): Promise<RawAnswer['json']> {
  const hostname = `patch${++counted}.tenant.com`
  const { status, json } = await api.fetch(PATH, { method: 'POST', body: { hostname, ...rest } })
  expect(status).toBe(201)
  return json.result
}

const patch = (id: string, body: object): Promise<RawAnswer> =>
  api.fetch(`${PATH}/${id}`, { method: 'PATCH', body })

async function edit(id: string, body: object): Promise<RawAnswer['json']> {
  const { status, json } = await patch(id, body)
  expect({ status, errors: json.errors }).toEqual({ status: 202, errors: [] })
  return json.result
}

describe('an edit of metadata', () => {
  it('replaces it whole', async () => {
    const { id } = await create({ custom_metadata: { a: 1, b: { c: 2 } } })
    expect(await edit(id, { custom_metadata: { b: {} } })).toMatchObject({
      custom_metadata: { b: {} },
    })
    const { custom_metadata } = await edit(id, { custom_metadata: {} })
    expect(custom_metadata).toEqual({})
  })

  it('takes it away with null, and leaves ssl as it is', async () => {
    const settings = { http2: 'off', early_hints: 'on' }
    const created = await create({ custom_metadata: { a: 1 }, ssl: { ...SSL, settings } })
    const edited = await edit(created.id, { custom_metadata: null })
    expect(edited).not.toHaveProperty('custom_metadata')
    expect(edited.ssl).toEqual(created.ssl)
  })
})

describe('an edit of the origin', () => {
  const origin = { custom_origin_server: 'o.saas.com', custom_origin_sni: 'sni.saas.com' }

  it('leaves alone what is not sent', async () => {
    const { id } = await create(origin)
    expect(await edit(id, { custom_metadata: { a: 1 } })).toMatchObject(origin)
    const sni = { custom_origin_sni: ':request_host_header:' }
    expect(await edit(id, sni)).toMatchObject({ ...origin, ...sni })
  })

  it.each([null, ''])('goes back to the fallback origin with %j', async (empty) => {
    const { id } = await create(origin)
    expect(await edit(id, { custom_origin_sni: empty })).not.toHaveProperty('custom_origin_sni')
    const edited = await edit(id, { custom_origin_server: empty })
    expect(edited).not.toHaveProperty('custom_origin_server')
  })
})

describe('an edit of ssl', () => {
  it('to txt shows the TXT record in place of the HTTP one', async () => {
    const created = await create()
    const hostname = String(created.hostname)
    await api.store.hostnames.update(created.id, (record) => ({
      record: {
        ...record,
        chains: record.chains.map((chain) => {
          const { issuance } = chain
          if (issuance.state !== 'ordered') return chain
          const [http] = issuance.order.challenges
          const dns = http && { ...http, type: 'dns-01' as const }
          const challenges = [http, dns].filter((one) => one !== undefined)
          return { ...chain, issuance: { ...issuance, order: { ...issuance.order, challenges } } }
        }),
      },
    }))
    expect(created.ssl.validation_records).toMatchObject([{ http_body: expect.any(String) }])
    const { ssl } = await edit(created.id, { ssl: { method: 'txt', type: 'dv' } })
    const txt_name = `_acme-challenge.${hostname}`
    const record = { txt_name, txt_value: expect.stringMatching(/^[\w-]{43}$/) }
    expect(ssl).toMatchObject({ method: 'txt', ...record })
    expect(ssl.validation_records).toEqual([{ status: 'pending', ...record }])
    expect(ssl).not.toHaveProperty('http_url')
  })

  it('puts back to the default what it leaves out: wildcard, bundle method, CA, settings', async () => {
    const full = {
      method: 'txt',
      type: 'dv',
      wildcard: true,
      bundle_method: 'optimal',
      certificate_authority: 'google',
      settings: { min_tls_version: '1.2', ciphers: ['AES128-SHA'] },
    }
    const created = await create({ ssl: full })
    expect(created.ssl).toMatchObject(full)
    const { ssl } = await edit(created.id, { ssl: { method: 'txt', type: 'dv' } })
    expect(ssl).toMatchObject({
      id: created.ssl.id,
      wildcard: false,
      bundle_method: 'ubiquitous',
      settings: {},
    })
    expect(ssl).not.toHaveProperty('certificate_authority')
  })

  it.each([
    [1440, { method: 'http' }],
    [1440, { type: 'dv' }],
    [1440, { settings: { http2: 'on' } }],
    [1434, { certificate_authority: 'google' }],
    [1432, { method: 'email', type: 'dv' }],
    [1433, { method: 'http', type: 'ev' }],
    [1448, { ...SSL, wildcard: true }],
    [1443, { ...SSL, settings: { ciphers: ['AES128-SHA'], min_tls_version: '1.3' } }],
  ])('is refused with %i: %j', async (code, ssl) => {
    const before = await create()
    const { status, json } = await patch(before.id, { ssl })
    expect([status, json.errors[0].code]).toEqual([400, code])
    expect((await api.fetch(`${PATH}/${before.id}`)).json.result).toEqual(before)
  })

  it('takes each cipher suite of the specification, and keeps their order', async () => {
    const { id } = await create()
    const ciphers = CIPHERS.toReversed()
    expect(ciphers).toHaveLength(20)
    const { ssl } = await edit(id, { ssl: { ...SSL, settings: { ciphers } } })
    expect(ssl.settings).toEqual({ ciphers })
  })

  it('to null takes the certificate away', async () => {
    const { id } = await create()
    expect(await edit(id, { ssl: null })).not.toHaveProperty('ssl')
  })
})

describe('null for ssl', () => {
  it('creates a hostname without a certificate, as leaving it out does', async () => {
    expect(await create({ ssl: null })).not.toHaveProperty('ssl')
  })
})

describe('the whole hostname sent back as it was read', () => {
  it('is taken, as Terraform does it, and changes nothing', async () => {
    const read = await create({ ssl: { ...SSL, settings: { http2: 'on' } }, custom_metadata: {} })
    expect(await edit(read.id, read)).toEqual(read)
  })

  it('is refused for another hostname', async () => {
    const { id, ...read } = await create()
    const { status, json } = await patch(id, { ...read, hostname: 'other.tenant.com' })
    expect([status, json.errors[0].code]).toEqual([409, 1439])
  })
})
