import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'

/** What bad input gets: each rule its own code, naming field, rule and value. */
const PATH = `/client/v4/zones/${ZONE_ID}/custom_hostnames`
let api: ApiServer
let id: string

beforeAll(async () => {
  api = await startApi()
  const body = { hostname: 'edited.tenant.com', ssl: { method: 'http', type: 'dv' } }
  const { json } = await api.fetch(PATH, { method: 'POST', body })
  id = json.result.id
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

const ZERO_ID = '00000000-0000-4000-8000-000000000000'
const PAIR = { custom_certificate: 'P', custom_key: 'K' }
const SSL = { method: 'http', type: 'dv' }
let counted = 0
const withName = (rest: object): object => ({ hostname: `n${++counted}.tenant.com`, ...rest })
const withSsl = (ssl: object): object => withName({ ssl: { ...SSL, ...ssl } })
const withSettings = (settings: object): object => withSsl({ settings })

describe('the hostname', () => {
  const label = 'a'.repeat(63)
  it.each([
    [1407, 'missing', {}],
    [1407, 'not a string', { hostname: 7 }],
    [1407, 'empty', { hostname: '' }],
    [1407, 'an IPv4 address', { hostname: '192.0.2.1' }],
    [1407, 'an IPv6 address', { hostname: '2001:db8::1' }],
    [1407, 'a wildcard', { hostname: '*.tenant.com' }],
    [1407, 'with a space', { hostname: 'a b.tenant.com' }],
    [1407, 'with a scheme', { hostname: 'https://tenant.com' }],
    [1407, 'with a port', { hostname: 'tenant.com:443' }],
    [1407, 'with an empty label', { hostname: 'a..tenant.com' }],
    [1407, 'with a label of 64', { hostname: `${label}a.tenant.com` }],
    [1407, 'longer than 253', { hostname: `${label}.${label}.${label}.${label}.com` }],
    [1407, 'longer than 255', { hostname: `${'a.'.repeat(200)}com` }],
    [1408, 'not ASCII', { hostname: 'bücher.tenant.com' }],
    [1409, 'under a reserved TLD', { hostname: 'app.localhost' }],
    [1410, 'a public suffix', { hostname: 'co.uk' }],
    [1410, 'without a public suffix', { hostname: 'intranet' }],
    [1411, 'under example.com', { hostname: 'www.example.com' }],
    [1469, 'too long for a certificate', { hostname: `${label}.tenant.com`, ssl: SSL }],
  ])('gives %i when %s', async (code, _what, body) => {
    expect(await faultOf(body)).toEqual({ status: 400, code, pointer: '/hostname' })
  })

  it('says which rule it breaks and what it was', async () => {
    const { json } = await api.fetch(PATH, { method: 'POST', body: { hostname: 'co.uk' } })
    expect(json.errors[0].message).toBe(
      'Unable to parse custom hostname - is a public suffix: "co.uk". Check your input and try again.',
    )
  })

  it('may be longer than 64 characters with branding, or without a certificate', async () => {
    const hostname = `${label}.tenant.com`
    const branded = { hostname, ssl: { ...SSL, cloudflare_branding: true } }
    expect((await post(branded)).status).toBe(201)
    expect((await post({ hostname: `b${hostname.slice(1)}` })).status).toBe(201)
  })

  it('may lie under a reserved TLD where the settings permit it', async () => {
    await using lenient = await startApi({ settings: { allowReservedTlds: true } })
    const body = { hostname: 'demo.localhost', custom_origin_server: 'http://localhost:3000' }
    expect((await lenient.fetch(PATH, { method: 'POST', body })).status).toBe(201)
  })
})

describe('ssl', () => {
  it.each([
    [1434, 'a string', '/ssl', withName({ ssl: 'http' })],
    [1434, 'an array', '/ssl', withName({ ssl: [] })],
    [1440, 'without method', '/ssl', withName({ ssl: { type: 'dv' } })],
    [1440, 'without type', '/ssl', withName({ ssl: { method: 'http' } })],
    [1440, 'empty', '/ssl', withName({ ssl: {} })],
    [1434, 'only a CA', '/ssl', withName({ ssl: { certificate_authority: 'google' } })],
    [1432, 'by e-mail', '/ssl/method', withSsl({ method: 'email' })],
    [1432, 'by an unknown method', '/ssl/method', withSsl({ method: 'carrier-pigeon' })],
    [1433, 'of another type', '/ssl/type', withSsl({ type: 'ev' })],
    [
      1434,
      'of an unknown CA',
      '/ssl/certificate_authority',
      withSsl({ certificate_authority: 'x' }),
    ],
    [1449, 'with an unknown bundle method', '/ssl/bundle_method', withSsl({ bundle_method: 'x' })],
    [1448, 'with a wildcard by HTTP', '/ssl/wildcard', withSsl({ wildcard: true })],
    [1434, 'with a wildcard that is no boolean', '/ssl/wildcard', withSsl({ wildcard: 'no' })],
    [
      1428,
      'with a certificate without key',
      '/ssl/custom_key',
      withSsl({ custom_certificate: 'P' }),
    ],
    [
      1426,
      'with a certificate of another type',
      '/ssl/custom_certificate',
      withSsl({ custom_certificate: ['P'], custom_key: 'K' }),
    ],
    [
      1427,
      'with a key without certificate',
      '/ssl/custom_certificate',
      withSsl({ custom_key: 'P' }),
    ],
    [1430, 'with a CSR that has no UUID', '/ssl/custom_csr_id', withSsl({ custom_csr_id: 'x' })],
    [
      1434,
      'with a key and a CSR',
      '/ssl/custom_csr_id',
      withSsl({ custom_certificate: 'P', custom_key: 'K', custom_csr_id: ZERO_ID }),
    ],
    [
      1431,
      'with a CSR that is not there',
      '/ssl/custom_csr_id',
      withSsl({ custom_certificate: 'P', custom_csr_id: ZERO_ID }),
    ],
    [
      1434,
      'with a bundle of what is no pair',
      '/ssl/custom_cert_bundle/0/custom_certificate',
      withSsl({ custom_cert_bundle: [{ custom_key: 'K' }] }),
    ],
    [
      1434,
      'with a bundle of three',
      '/ssl/custom_cert_bundle',
      withSsl({ custom_cert_bundle: [PAIR, PAIR, PAIR] }),
    ],
    [
      1434,
      'with a bundle and a certificate',
      '/ssl/custom_cert_bundle',
      withSsl({ ...PAIR, custom_cert_bundle: [PAIR] }),
    ],
    [1428, 'with an own key that is none', '/ssl/custom_key', withSsl(PAIR)],
    [1434, 'settings a string', '/ssl/settings', withSsl({ settings: 'x' })],
    [1422, 'http2', '/ssl/settings/http2', withSettings({ http2: true })],
    [1423, 'tls_1_2_only', '/ssl/settings/tls_1_2_only', withSettings({ tls_1_2_only: 'maybe' })],
    [1424, 'tls_1_3', '/ssl/settings/tls_1_3', withSettings({ tls_1_3: 'zrt' })],
    [
      1425,
      'min_tls_version',
      '/ssl/settings/min_tls_version',
      withSettings({ min_tls_version: 1.2 }),
    ],
    [1434, 'early_hints', '/ssl/settings/early_hints', withSettings({ early_hints: 1 })],
    [1442, 'ciphers', '/ssl/settings/ciphers', withSettings({ ciphers: 'AES128-SHA' })],
    [
      1442,
      'a cipher',
      '/ssl/settings/ciphers/0',
      withSettings({ ciphers: ['TLS_AES_128_GCM_SHA256'] }),
    ],
    [
      1442,
      'a cipher twice',
      '/ssl/settings/ciphers',
      withSettings({ ciphers: ['AES128-SHA', 'AES128-SHA'] }),
    ],
    [
      1443,
      'ciphers with TLS 1.3',
      '/ssl/settings/ciphers',
      withSettings({ ciphers: ['AES128-SHA'], min_tls_version: '1.3' }),
    ],
  ])('gives %i: %s', async (code, _what, pointer, body) => {
    const status = code === 1431 ? 404 : 400
    expect(await faultOf(body)).toEqual({ status, code, pointer })
  })

  it('is checked on edits too', async () => {
    const edit = { method: 'PATCH', body: { ssl: { method: 'http' } } }
    const { status, json } = await api.fetch(`${PATH}/${id}`, edit)
    expect([status, json.errors[0].code]).toEqual([400, 1440])
  })

  it('takes what old clients send along', async () => {
    const body = withName({
      ownership_verification: {},
      ownership_verification_http: {},
      custom_origin_server: '',
      custom_origin_sni: '',
      custom_metadata: null,
      status: 'active',
      ssl: {
        ...SSL,
        certificate_authority: '',
        custom_certificate: '',
        custom_key: '',
        custom_csr_id: '',
        custom_cert_bundle: [],
        validation_records: null,
        settings: { http3: 'on', tls_1_2_only: 'off', min_tls_version: '1.0', http2: null },
      },
    })
    const { status, json } = await post(body)
    expect(status).toBe(201)
    expect(json.result.ssl.settings).toEqual({ min_tls_version: '1.0' })
    expect(json.result).not.toHaveProperty('custom_origin_server')
  })

  it('lists every fault, not only the first', async () => {
    const { json } = await post(withSettings({ http2: 1, tls_1_3: 1, min_tls_version: '2' }))
    expect(json.errors.map(({ code }: { code: number }) => code)).toEqual([1422, 1424, 1425])
  })
})

describe('the custom origin', () => {
  const at = (custom_origin_server: unknown): object => withName({ custom_origin_server })
  const sni = (custom_origin_sni: unknown): object =>
    withName({ custom_origin_server: 'o.saas.com', custom_origin_sni })

  it.each([
    [1415, '/custom_origin_server', at(7)],
    [1415, '/custom_origin_server', at('192.0.2.1')],
    [1415, '/custom_origin_server', at('[2001:db8::1]:443')],
    [1415, '/custom_origin_server', at('ftp://o.saas.com')],
    [1415, '/custom_origin_server', at('https://o.saas.com/path')],
    [1415, '/custom_origin_server', at('user@o.saas.com')],
    [1415, '/custom_origin_server', at('o.saas.com:0')],
    [1415, '/custom_origin_server', at('o.saas.com:65536')],
    [1416, '/custom_origin_server', at('bücher.saas.com')],
    [1417, '/custom_origin_server', at('o.localhost')],
    [1418, '/custom_origin_server', at('backend')],
    [1419, '/custom_origin_server', at('o.example.net')],
    [1420, '/custom_origin_server', at('*.saas.com')],
    [1415, '/custom_origin_sni', sni('o.saas.com:443')],
    [1415, '/custom_origin_sni', sni(':other_header:')],
    [1420, '/custom_origin_sni', sni('*.saas.com')],
    [1415, '/custom_origin_sni', withName({ custom_origin_sni: 'o.saas.com' })],
  ])('gives %i at %s: %j', async (code, pointer, body) => {
    expect(await faultOf(body)).toEqual({ status: 400, code, pointer })
  })

  it('names a port that is out of range', async () => {
    const { json } = await post(at('o.saas.com:70000'))
    expect(json.errors[0].message).toContain('port must be from 1 to 65535: received 70000')
  })

  it.each(['o.saas.com', 'o.saas.com:8443', 'https://o.saas.com', 'http://o.saas.com:8080'])(
    'may be %s',
    async (origin) => {
      const { status, json } = await post(at(origin))
      expect([status, json.result.custom_origin_server]).toEqual([201, origin])
    },
  )
})

describe('custom metadata', () => {
  it.each([['a string'], [7], [[]], [{ big: 'x'.repeat(4096) }]])(
    'gives 1401',
    async (metadata) => {
      expect(await faultOf(withName({ custom_metadata: metadata }))).toEqual({
        status: 400,
        code: 1401,
        pointer: '/custom_metadata',
      })
    },
  )

  it('may have exactly 4096 bytes', async () => {
    const custom_metadata = { big: 'ä'.repeat(2043) }
    expect(Buffer.byteLength(JSON.stringify(custom_metadata))).toBe(4096)
    const { status, json } = await post(withName({ custom_metadata }))
    expect(status).toBe(201)
    expect(json.result.custom_metadata).toEqual(custom_metadata)
  })
})

describe('other bodies', () => {
  const zones = '/client/v4/zones'
  it.each([
    [1415, 'PUT', `${PATH}/fallback_origin`, { origin: 'not a host' }],
    [1415, 'PUT', `${PATH}/fallback_origin`, { origin: 'host:99999' }],
    [1415, 'PUT', `${PATH}/fallback_origin`, {}],
    [1420, 'PUT', `${PATH}/fallback_origin`, { origin: '*.saas.com' }],
    [1049, 'POST', zones, { name: 'no spaces' }],
    [1049, 'POST', zones, {}],
    [1400, 'POST', zones, { name: 'fine.com', cname_target: '192.0.2.1' }],
    [1400, 'PATCH', `${zones}/${ZONE_ID}/settings/always_use_https`, { value: true }],
  ])('give %i: %s %s %j', async (code, method, path, body) => {
    const { status, json } = await api.fetch(path, { method, body })
    expect([status, json.errors[0].code]).toEqual([400, code])
  })

  it('edit the CNAME target of a zone', async () => {
    const edit = (cname_target: unknown): ReturnType<ApiServer['fetch']> =>
      api.fetch(`${zones}/${ZONE_ID}`, { method: 'PATCH', body: { cname_target } })
    expect((await edit('to.saas.com')).json.result.cname_target).toBe('to.saas.com')
    expect((await edit(null)).json.result.cname_target).toBeNull()
  })
})

function post(body: object): ReturnType<ApiServer['fetch']> {
  return api.fetch(PATH, { method: 'POST', body })
}

interface Fault {
  status: number
  code: number
  pointer: string | undefined
}

/** The first fault of a create. */
async function faultOf(body: object): Promise<Fault> {
  const { status, json } = await post(body)
  expect(json).toMatchObject({ success: false, messages: [], result: null })
  const { code, source, message } = json.errors[0]
  expect(message).not.toContain(':reason')
  return { status, code, pointer: source?.pointer }
}
