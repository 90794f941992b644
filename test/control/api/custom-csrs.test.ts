import type Cloudflare from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createSealer } from '#lib/sealing.ts'
import { CrowdedError } from '#lib/turns.ts'
import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { openOwnCa, type OwnCa } from '#test/own-certificates.ts'
import { openssl } from '#test/openssl-command.ts'
import { fakeClock } from '#test/fake-clock.ts'

/** Custom CSRs through the official SDK, read and signed by OpenSSL (spec section 1.8). */
let ca: OwnCa
let api: ApiServer
beforeAll(async () => {
  ca = await openOwnCa()
  api = await startApi({ roots: [ca.root.cert] })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await ca[Symbol.asyncDispose]()
})

type CsrInput = Cloudflare.CustomCsrs.CustomCsrCreateParams
const zone = { zone_id: ZONE_ID }
const ACCOUNT = { account_id: '00000000000000000000000000000001' }
const NOBODY = '3f1c4a52-1b7e-4a51-9a53-0d6a2f0f0f0f'

let counted = 0
const aName = (): string => `csr${++counted}.tenant.com`

function anInput(change: Partial<CsrInput> = {}): CsrInput {
  const common_name = aName()
  return {
    ...zone,
    common_name,
    country: 'DE',
    state: 'Hessen',
    locality: 'Frankfurt am Main',
    organization: 'Müller & Söhne, Inc.',
    sans: [common_name],
    ...change,
  }
}

const pathOf = (owner: string): string => `/client/v4/${owner}/custom_csrs`
const IN_ZONE = pathOf(`zones/${ZONE_ID}`)

describe('a custom CSR', () => {
  it('is made with its key and shown without it', async () => {
    const name = aName()
    const input = anInput({
      sans: [name.toUpperCase(), `*.${name}`],
      organizational_unit: 'Shop',
      key_type: 'p256v1',
      name: 'the shop',
      description: 'for OV',
    })
    const created = await api.client.customCsrs.create(input)
    const { zone_id: _, ...fields } = input
    expect(created).toEqual({
      ...fields,
      sans: [name, `*.${name}`],
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      created_at: expect.stringMatching(/Z$/),
      account_tag: ACCOUNT.account_id,
      csr: expect.stringMatching(/^-----BEGIN CERTIFICATE REQUEST-----\n/),
    })
    const args = [
      'req',
      '-in',
      'csr',
      '-verify',
      '-noout',
      '-text',
      '-nameopt',
      'RFC2253,-esc_msb,-dn_rev',
    ]
    const text = await openssl(args, { csr: created.csr ?? '' })
    expect(text).toContain('self-signature verify OK')
    expect(text).toContain(
      `Subject: C=DE,ST=Hessen,L=Frankfurt am Main,O=Müller & Söhne\\, Inc.,OU=Shop,CN=${input.common_name}`,
    )
    expect(text).toContain(`DNS:${name}, DNS:*.${name}`)
    expect(text).toContain('ASN1 OID: prime256v1')
  })

  it('has an RSA key unless asked otherwise, which is kept sealed', async () => {
    const created = await api.client.customCsrs.create(anInput())
    expect(created.key_type).toBe('rsa2048')
    const text = await openssl(['req', '-in', 'csr', '-noout', '-text'], { csr: created.csr ?? '' })
    expect(text).toContain('Public-Key: (2048 bit)')
    const stored = await api.store.csrs.find(created.id)
    if (!stored) throw new Error('it is not stored')
    const sealer = createSealer([Buffer.alloc(32, 7)])
    expect(sealer.open(stored.sealedKey, created.id).length).toBeGreaterThan(1_000)
    expect(() => sealer.open(stored.sealedKey, NOBODY)).toThrow(/another record/)
  })

  it('is listed where it was made, page by page', async () => {
    await using own = await startApi({ deps: { clock: fakeClock() } })
    const names = ['b', 'a', 'c', 'f', 'e', 'd', 'g']
    for (const name of names) await own.client.customCsrs.create(anInput({ name }))
    const ofAccount = await own.client.customCsrs.create({ ...anInput(), zone_id: '', ...ACCOUNT })
    const listed: (string | undefined)[] = []
    for await (const { name } of own.client.customCsrs.list({
      ...zone,
      per_page: 5,
      order: 'name',
    })) {
      listed.push(name)
    }
    expect(listed).toEqual(names.toSorted())
    const { json } = await own.fetch(`${IN_ZONE}?per_page=5&page=2&direction=desc`)
    expect(json.result_info).toMatchObject({ count: 2, total_count: 7, per_page: 5 })
    const { result } = await own.client.customCsrs.list(ACCOUNT)
    expect(result.map(({ id }) => id)).toEqual([ofAccount.id])
    for (const query of ['per_page=4', 'per_page=51', 'page=0', 'order=id']) {
      expect((await own.fetch(`${IN_ZONE}?${query}`)).status).toBe(400)
    }
  })

  it('is found and deleted only where it was made', async () => {
    const { id } = await api.client.customCsrs.create(anInput())
    const missing = { status: 404, errors: [{ code: 1419 }] }
    await expect(api.client.customCsrs.get(id, ACCOUNT)).rejects.toMatchObject(missing)
    await expect(api.client.customCsrs.delete(id, ACCOUNT)).rejects.toMatchObject(missing)
    expect((await api.client.customCsrs.get(id, zone)).id).toBe(id)
    expect(await api.client.customCsrs.delete(id, zone)).toEqual({ id })
    await expect(api.client.customCsrs.get(id, zone)).rejects.toMatchObject(missing)
    await expect(api.client.customCsrs.get('x', zone)).rejects.toMatchObject({
      status: 400,
      errors: [{ code: 1418 }],
    })
  })

  it('belongs to a zone that is there, or to the one account', async () => {
    const other = { zone_id: 'f'.repeat(32) }
    const lost = { status: 404, errors: [{ code: 7003 }] }
    await expect(api.client.customCsrs.create(anInput(other))).rejects.toMatchObject(lost)
    const stranger = { account_id: '00000000000000000000000000000002' }
    await expect(api.client.customCsrs.list(stranger)).rejects.toMatchObject(lost)
  })

  it.each<[number, string, object]>([
    [1405, '/country', { country: undefined }],
    [1405, '/country', { country: 'DEU' }],
    [1406, '/state', { state: '' }],
    [1406, '/state', { state: 'x'.repeat(129) }],
    [1407, '/locality', { locality: ' ' }],
    [1408, '/organization', { organization: undefined }],
    [1408, '/organization', { organization: 'a\u0000b' }],
    [1408, '/organization', { organization: 'half \ud83d' }],
    [1409, '/common_name', { common_name: undefined }],
    [1409, '/common_name', { common_name: '\ud83d' }],
    [1409, '/common_name', { common_name: '' }],
    [1410, '/common_name', { common_name: 'x'.repeat(65) }],
    [1411, '/sans', { sans: undefined }],
    [1411, '/sans', { sans: [] }],
    [1412, '/sans/0', { sans: ['192.0.2.1'] }],
    [1412, '/sans/1', { sans: ['a.tenant.com', 'a.*.tenant.com'] }],
    [1412, '/sans', { sans: Array.from({ length: 151 }, (_, n) => `n${n}.tenant.com`) }],
    [1412, '/sans', { sans: 'a.tenant.com' }],
    [1413, '/sans/0', { sans: ['bücher.tenant.com'] }],
    [1414, '/sans/0', { sans: ['*.app.test'] }],
    [1415, '/sans/0', { sans: ['*.co.uk'] }],
    [1416, '/sans/0', { sans: ['www.example.com'] }],
    [1417, '/key_type', { key_type: 'ed25519' }],
    [1400, '/name', { name: 7 }],
  ])('gives %i at %s for %j', async (code, pointer, change) => {
    const body = { ...anInput(), ...change }
    const { status, json } = await api.fetch(IN_ZONE, { method: 'POST', body })
    const [{ code: got, source, message }] = json.errors
    expect([status, got, source.pointer]).toEqual([400, code, pointer])
    expect(message).not.toContain(':reason')
  })
})

describe('a certificate for a custom CSR', () => {
  it.each(['rsa2048', 'p256v1'] as const)('of %s is served with its key', async (key_type) => {
    const hostname = aName()
    const csr = await api.client.customCsrs.create(anInput({ key_type }))
    const custom_certificate = await ca.sign(csr.csr ?? '', [hostname])
    const ssl = { custom_certificate, custom_csr_id: csr.id.toUpperCase() }
    const created = await api.client.customHostnames.create({ ...zone, hostname, ssl })
    expect(created.ssl).toMatchObject({
      status: 'pending_deployment',
      custom_csr_id: csr.id,
      custom_certificate,
    })
    await expect(api.client.customCsrs.delete(csr.id, zone)).rejects.toMatchObject({
      status: 409,
      errors: [{ code: 1420 }],
    })
    await api.store.hostnames.remove(created.id)
    expect(await api.client.customCsrs.delete(csr.id, zone)).toEqual({ id: csr.id })
  })

  it('may be used by any zone where the CSR is of the account, else by its own', async () => {
    const other = await api.client.zones.create({ account: {}, name: 'csr-zone.com' })
    const hostname = aName()
    const make = async (
      owner: object,
    ): Promise<{ custom_certificate: string; custom_csr_id: string }> => {
      const csr = await api.client.customCsrs.create({ ...anInput({ zone_id: '' }), ...owner })
      const custom_certificate = await ca.sign(csr.csr ?? '', [hostname])
      return { custom_certificate, custom_csr_id: csr.id }
    }
    const create = (ssl: object): Promise<unknown> =>
      api.client.customHostnames.create({ zone_id: other.id, hostname, ssl })
    await expect(create(await make(zone))).rejects.toMatchObject({
      status: 404,
      errors: [{ code: 1431, source: { pointer: '/ssl/custom_csr_id' } }],
    })
    await expect(create(await make({ zone_id: '', ...ACCOUNT }))).resolves.toBeDefined()
  })

  it('must be for its key', async () => {
    const hostname = aName()
    const [one, two] = [
      await api.client.customCsrs.create(anInput()),
      await api.client.customCsrs.create(anInput()),
    ]
    const custom_certificate = await ca.sign(one.csr ?? '', [hostname])
    const ssl = { custom_certificate, custom_csr_id: two.id }
    await expect(
      api.client.customHostnames.create({ ...zone, hostname, ssl }),
    ).rejects.toMatchObject({ errors: [{ code: 1429 }] })
  })

  it('takes the place of another in a pack', async () => {
    const hostname = aName()
    const pair = await ca.pair('ecdsa', [hostname])
    const created = await api.client.customHostnames.create({ ...zone, hostname, ssl: pair })
    const csr = await api.client.customCsrs.create(anInput({ key_type: 'p256v1' }))
    const custom_certificate = await ca.sign(csr.csr ?? '', [hostname])
    const [certificate] = await api.store.certificates.listByHostname(created.id)
    const path = `${IN_ZONE.replace('custom_csrs', 'custom_hostnames')}/${created.id}/certificate_pack/${created.ssl?.id}/certificates/${certificate?.id}`
    const body = { custom_certificate, custom_csr_id: csr.id }
    const { status, json } = await api.fetch(path, { method: 'PUT', body })
    expect([status, json.result.ssl.custom_csr_id]).toEqual([202, csr.id])
  })
})

it('are refused while too many keys are being made', async () => {
  const make = (): Promise<never> => Promise.reject(new CrowdedError('too many'))
  await using crowded = await startApi({ deps: { csrMaker: { make } } })
  const answer = await crowded.fetch(IN_ZONE, { method: 'POST', body: anInput() })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '10'])
  expect(answer.json.errors[0]).toMatchObject({
    code: 10429,
    message: 'Too many requests: too many keys are being made at the moment.',
  })
})
