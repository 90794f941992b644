import Cloudflare, {
  AuthenticationError,
  ConflictError,
  NotFoundError,
  PermissionDeniedError,
} from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { withNextSerial } from '#domain/custom-hostname.ts'
import { API_TOKEN, startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { aCertificate, aHostname, anActiveHostname } from '#test/records.ts'

/** The official SDK against the API: what existing integrations do. */
let api: ApiServer
beforeAll(async () => {
  api = await startApi()
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

const SSL = { method: 'http', type: 'dv' } as const
const zone = { zone_id: ZONE_ID }

let counted = 0
const aName = (): string => `shop${++counted}.tenant.com`

describe('creating with the SDK', () => {
  it('returns the ownership records and the validation records at once', async () => {
    const created = await api.client.customHostnames.create({
      ...zone,
      hostname: 'App.Customer-A.com.',
      ssl: { ...SSL, settings: { min_tls_version: '1.2', http2: 'on' }, wildcard: false },
    })

    expect(created).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      hostname: 'app.customer-a.com',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z$/),
      status: 'pending',
      ownership_verification: {
        type: 'txt',
        name: '_cf-custom-hostname.app.customer-a.com',
        value: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
      ownership_verification_http: {
        http_url: `http://app.customer-a.com/.well-known/cf-custom-hostname-challenge/${created.id}`,
        http_body: created.ownership_verification?.value,
      },
      ssl: {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        type: 'dv',
        method: 'http',
        status: 'pending_validation',
        bundle_method: 'ubiquitous',
        wildcard: false,
        settings: { min_tls_version: '1.2', http2: 'on' },
        validation_records: [
          {
            status: 'pending',
            http_url: 'http://app.customer-a.com/.well-known/acme-challenge/token',
            http_body: 'token.thumbprint',
          },
        ],
        http_url: 'http://app.customer-a.com/.well-known/acme-challenge/token',
        http_body: 'token.thumbprint',
      },
    })
    expect(api.begun).toContain(created.id)
  })

  it('leaves `ssl` out for a hostname without a certificate', async () => {
    const hostname = aName()
    const created = await api.client.customHostnames.create({ ...zone, hostname })
    expect(created).not.toHaveProperty('ssl')
    expect(created.hostname).toBe(hostname)
  })

  it('echoes metadata of any shape, the origin, its server name and the CA', async () => {
    const asked = {
      custom_metadata: { tenant: '42', plan: { limits: [1, 2, null], nested: true } },
      custom_origin_server: 'Origin.SaaS.com:8443',
      custom_origin_sni: ':request_host_header:',
    }
    const ssl = { ...SSL, certificate_authority: 'lets_encrypt', bundle_method: 'optimal' }
    const { id } = await created({ ...asked, ssl })
    const read = await api.client.customHostnames.get(id, zone)
    expect(read).toMatchObject(asked)
    expect(read.ssl).toMatchObject({ ...ssl, settings: {} })
  })

  it('sends a duplicate only once and reports the conflict', async () => {
    const hostname = aName()
    await api.client.customHostnames.create({ ...zone, hostname })
    const sent: string[] = []
    const client = new Cloudflare({
      apiToken: API_TOKEN,
      baseURL: `${api.url}/client/v4`,
      fetch: (url, init) => {
        sent.push(`${init?.method} ${String(url)}`)
        return fetch(url, init)
      },
    })
    const error = await client.customHostnames
      .create({ ...zone, hostname: hostname.toUpperCase() })
      .catch((each: unknown) => each)
    expect(error).toBeInstanceOf(ConflictError)
    expect(error).toMatchObject({ status: 409, errors: [{ code: 1406 }] })
    expect(sent).toHaveLength(1)
  })

  it('lets two zones have the same name', async () => {
    const hostname = aName()
    const other = await api.client.zones.create({ account: {}, name: 'other-zone.com' })
    await api.client.customHostnames.create({ ...zone, hostname })
    const twin = await api.client.customHostnames.create({ zone_id: other.id, hostname })
    await expect(api.client.customHostnames.get(twin.id, zone)).rejects.toThrow(/1436/)
    expect((await api.client.customHostnames.get(twin.id, { zone_id: other.id })).id).toBe(twin.id)
  })
})

describe('editing with the SDK', () => {
  it('takes an equal `ssl` as "validate now"', async () => {
    const { id } = await created({ ssl: SSL })
    await givePatience(id)
    const edited = await api.client.customHostnames.edit(id, { ...zone, ssl: SSL })
    expect(edited.verification_errors).toBeUndefined()
    expect((await api.store.hostnames.find(id))?.ownership).toMatchObject({ attempts: 0 })
    expect(api.begun.filter((each) => each === id)).toHaveLength(2)
  })

  it('takes an empty edit as "validate now" too', async () => {
    const { id } = await created({ ssl: SSL })
    await givePatience(id)
    await api.client.customHostnames.edit(id, zone)
    expect((await api.store.hostnames.find(id))?.ownership).toMatchObject({ attempts: 0 })
  })

  it('changes metadata alone without disturbing the validation or the edges', async () => {
    const { id } = await created({ ssl: SSL })
    const before = await givePatience(id)
    const edited = await api.client.customHostnames.edit(id, {
      ...zone,
      custom_metadata: { tenant: '7' },
    })
    expect(edited.custom_metadata).toEqual({ tenant: '7' })
    const after = await api.store.hostnames.find(id)
    expect(after?.ownership).toEqual(before?.ownership)
    expect(after?.deployment).toEqual(before?.deployment)
  })

  it('replaces the settings whole and publishes the hostname again', async () => {
    const { id } = await created({ ssl: { ...SSL, settings: { http2: 'off', tls_1_3: 'off' } } })
    const before = await api.store.hostnames.find(id)
    const settings = { min_tls_version: '1.3' } as const
    const edited = await api.client.customHostnames.edit(id, { ...zone, ssl: { ...SSL, settings } })
    expect(edited.ssl?.settings).toEqual(settings)
    expect(edited.ssl?.id).toBe(before?.ssl?.packId)
    const after = await api.store.hostnames.find(id)
    expect(after?.deployment.serial).toBeGreaterThan(before?.deployment.serial ?? Infinity)
    expect(await api.store.outbox.list(1000)).toContainEqual({
      hostnameId: id,
      serial: after?.deployment.serial,
    })
  })

  it('does not revive a hostname whose name the zone gave to another one', async () => {
    const { id, hostname } = await created({})
    const ownership = { state: 'deleted', since: 1, errors: [] } as const
    await api.store.hostnames.update(id, (record) => ({ record: { ...record, ownership } }))
    const next = await api.client.customHostnames.create({ ...zone, hostname })
    expect(next.id).not.toBe(id)
    await expect(api.client.customHostnames.edit(id, zone)).rejects.toMatchObject({
      status: 409,
      errors: [{ code: 1406 }],
    })
  })

  it('gives a hostname a certificate that had none', async () => {
    const { id } = await created({})
    const edited = await api.client.customHostnames.edit(id, { ...zone, ssl: SSL })
    expect(edited.ssl).toMatchObject({ status: 'pending_validation', method: 'http' })
  })
})

describe('deleting with the SDK', () => {
  it('returns the id and keeps the hostname as pending_deletion until the edges let go', async () => {
    const { id } = await created({ ssl: SSL })
    const { serial } = (await api.store.hostnames.find(id))?.deployment ?? { serial: Infinity }
    expect(await api.client.customHostnames.delete(id, zone)).toMatchObject({ id })
    const read = await api.client.customHostnames.get(id, zone)
    expect(read.status).toBe('pending_deletion')
    expect(read.ssl?.status).toBe('pending_deletion')
    const record = await api.store.hostnames.find(id)
    expect(record?.removal?.serial).toBe(record?.deployment.serial)
    expect(record?.deployment.serial).toBeGreaterThan(serial)
  })

  it('may be repeated', async () => {
    const { id } = await created({})
    await api.client.customHostnames.delete(id, zone)
    const once = await api.store.hostnames.find(id)
    expect(await api.client.customHostnames.delete(id, zone)).toMatchObject({ id })
    expect(await api.store.hostnames.find(id)).toEqual(once)
  })

  it('lets the name be created again as soon as it is gone', async () => {
    const { id, hostname } = await created({})
    await api.client.customHostnames.delete(id, zone)
    const again = api.client.customHostnames.create({ ...zone, hostname })
    await api.store.hostnames.remove(id)
    expect((await again).id).not.toBe(id)
  })
})

describe('what the SDK throws', () => {
  it.each([
    ['BadRequestError', 1407, { hostname: '192.0.2.1' }],
    ['BadRequestError', 1409, { hostname: 'app.test' }],
    ['PermissionDeniedError', 10403, { hostname: 'saas.com' }],
  ] as const)('%s with code %i', async (name, code, input) => {
    const error = await api.client.customHostnames
      .create({ ...zone, ...input })
      .catch((each: unknown) => each)
    expect(error).toBeInstanceOf(Cloudflare[name])
    expect(error).toMatchObject({ errors: [{ code, source: { pointer: '/hostname' } }] })
  })

  it('NotFoundError with code 1436 for a hostname that is not there', async () => {
    const id = '3f1c4a52-1b7e-4a51-9a53-0d6a2f0f0f0f'
    await expect(api.client.customHostnames.get(id, zone)).rejects.toMatchObject({
      status: 404,
      errors: [{ code: 1436 }],
    })
    await expect(api.client.customHostnames.edit(id, zone)).rejects.toThrow(NotFoundError)
    await expect(api.client.customHostnames.delete(id, zone)).rejects.toThrow(NotFoundError)
  })

  it('NotFoundError with code 7003 for a zone that is not there', async () => {
    await expect(
      api.client.customHostnames.create({ zone_id: 'f'.repeat(32), hostname: aName() }),
    ).rejects.toMatchObject({ status: 404, errors: [{ code: 7003 }] })
  })

  it('PermissionDeniedError for a wrong token, AuthenticationError for none', async () => {
    const baseURL = `${api.url}/client/v4`
    const wrong = new Cloudflare({ apiToken: 'wrong', baseURL })
    await expect(wrong.zones.list()).rejects.toThrow(PermissionDeniedError)
    const none = new Cloudflare({ apiToken: '', baseURL })
    await expect(none.zones.list()).rejects.toThrow(AuthenticationError)
  })

  it('ConflictError with code 1439 for another hostname in an edit, none for the same', async () => {
    const { id, hostname } = await created({})
    const edit = (name: string): Promise<unknown> =>
      api.client.patch(`/zones/${ZONE_ID}/custom_hostnames/${id}`, { body: { hostname: name } })
    await expect(edit('other.tenant.com')).rejects.toMatchObject({
      status: 409,
      errors: [{ code: 1439 }],
    })
    await expect(edit(`${hostname.toUpperCase()}.`)).resolves.toMatchObject({ success: true })
  })
})

describe('an active hostname', () => {
  it('shows its certificates and no records any more', async () => {
    const record = anActiveHostname()
    await api.store.hostnames.create(aHostname({ id: record.id, hostname: record.hostname }))
    const certificates = [aCertificate(record, 'rsa'), aCertificate(record, 'ecdsa')]
    await api.store.hostnames.update(record.id, (current) => ({
      record: withNextSerial({ ...record, deployment: current.deployment }),
      addCertificates: certificates,
    }))
    await api.store.hostnames.update(record.id, ({ deployment, ...rest }) => ({
      record: { ...rest, deployment: { ...deployment, appliedSerial: deployment.serial } },
    }))
    const read = await api.client.customHostnames.get(record.id, zone)
    expect(read.status).toBe('active')
    expect(read).not.toHaveProperty('ownership_verification')
    expect(read.ssl).toMatchObject({
      status: 'active',
      hosts: [record.hostname],
      issuer: 'Test CA',
    })
    expect(read.ssl).not.toHaveProperty('validation_records')
    expect(read.ssl).toHaveProperty('certificates', [
      expect.objectContaining({ signature: 'ECDSAWithSHA256' }),
      expect.objectContaining({ signature: 'SHA256WithRSA' }),
    ])
  })
})

async function created(body: object): Promise<Cloudflare.CustomHostnames.CustomHostname> {
  return api.client.customHostnames.create({ ...zone, hostname: aName(), ...body })
}

/** Makes it look as if it had been tried often, and would not be again for long. */
async function givePatience(id: string): ReturnType<ApiServer['store']['hostnames']['update']> {
  return api.store.hostnames.update(id, (record) => ({
    record: {
      ...record,
      ownership: { state: 'pending', since: 1, attempts: 40, nextAt: 9e12, errors: ['no CNAME'] },
    },
  }))
}
