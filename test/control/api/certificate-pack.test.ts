import type Cloudflare from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Ownership } from '#domain/ownership.ts'
import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { openOwnCa, type OwnCa } from '#test/own-certificates.ts'
import { idsOf, ownHostnames, sslOf } from '#test/own-hostnames.ts'

/** Single certificates of a pack through the official SDK (spec section 1.2, rows 10 and 11). */
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

const { create, recordOf, deploy, storedOf, issueManaged } = ownHostnames(() => api)
const zone = { zone_id: ZONE_ID }
const MANAGED = { method: 'http', type: 'dv' } as const

let counted = 0
const aName = (): string => `pack${++counted}.tenant.com`

describe('one certificate of a pack', () => {
  interface Pack {
    hostname: string
    id: string
    at: { zone_id: string; custom_hostname_id: string; certificate_pack_id: string }
    ecdsa: string
    rsa: string
  }
  type Certificates = Cloudflare['customHostnames']['certificatePack']['certificates']
  let certificates: Certificates
  beforeAll(() => {
    certificates = api.client.customHostnames.certificatePack.certificates
  })

  async function createPack(): Promise<Pack> {
    const hostname = aName()
    const names = [hostname]
    const custom_cert_bundle = [await ca.pair('ecdsa', names), await ca.pair('rsa', names)]
    const ssl = await create(hostname, { custom_cert_bundle })
    await deploy(ssl.hostnameId)
    const [ecdsa = '', rsa = ''] = idsOf(ssl)
    const { hostnameId: id } = ssl
    return {
      hostname,
      id,
      ecdsa,
      rsa,
      at: { ...zone, custom_hostname_id: id, certificate_pack_id: ssl.id ?? '' },
    }
  }

  it('is replaced by one of the same kind', async () => {
    const { hostname, id, at, ecdsa, rsa } = await createPack()
    const pair = await ca.pair('rsa', [hostname])
    const replaced = await certificates.update(rsa, { ...at, ...pair })
    const [kept, fresh] = idsOf(sslOf(replaced))
    expect(kept).toBe(ecdsa)
    expect(fresh).not.toBe(rsa)
    expect(replaced.ssl?.status).toBe('pending_deployment')
    expect((await storedOf(id)).toSorted()).toEqual([ecdsa, fresh ?? ''].toSorted())
    const other = await ca.pair('ecdsa', [hostname])
    await expect(certificates.update(fresh ?? '', { ...at, ...other })).rejects.toMatchObject({
      status: 400,
      errors: [{ code: 1434, source: { pointer: '/custom_certificate' } }],
    })
    const stray = await ca.pair('rsa', [aName()])
    await expect(certificates.update(fresh ?? '', { ...at, ...stray })).rejects.toMatchObject({
      errors: [{ code: 1446, source: { pointer: '/custom_certificate' } }],
    })
  })

  it('stays as it is where the same comes again', async () => {
    const { hostname, id, at, rsa } = await createPack()
    const pair = await ca.pair('rsa', [hostname])
    const replaced = sslOf(await certificates.update(rsa, { ...at, ...pair }))
    const before = await deploy(id)
    const fresh = idsOf(replaced)[1] ?? ''
    expect(idsOf(sslOf(await certificates.update(fresh, { ...at, ...pair })))[1]).toBe(fresh)
    expect(await recordOf(id)).toEqual(before)
  })

  it('is deleted, but not the last one', async () => {
    const { id, at, ecdsa, rsa } = await createPack()
    const before = await recordOf(id)
    expect(await certificates.delete(ecdsa, at)).toMatchObject({ id: ecdsa, result: { id: ecdsa } })
    const after = await recordOf(id)
    expect(after.chains.map(({ keyAlgorithm }) => keyAlgorithm)).toEqual(['rsa'])
    expect(after.deployment.serial).toBeGreaterThan(before.deployment.serial)
    expect(await storedOf(id)).toEqual([rsa])
    await expect(certificates.delete(rsa, at)).rejects.toMatchObject({
      status: 409,
      errors: [{ code: 1439, message: expect.stringContaining('last certificate') }],
    })
  })

  it.each<Ownership>([
    { state: 'moved', since: 1, nextAt: 9e12, errors: [] },
    { state: 'deleted', since: 1, errors: [] },
    { state: 'blocked', since: 1, reason: 'held' },
  ])(
    'is changed without reviving a hostname that is $state: that is what PATCH does',
    async (to) => {
      const { hostname, id, at, ecdsa, rsa } = await createPack()
      await api.store.hostnames.update(id, (record) => ({ record: { ...record, ownership: to } }))
      const replaced = await certificates.update(rsa, {
        ...at,
        ...(await ca.pair('rsa', [hostname])),
      })
      expect(replaced.status).toBe(to.state)
      await certificates.delete(ecdsa, at)
      expect((await recordOf(id)).ownership).toEqual(to)
      expect((await api.client.customHostnames.edit(id, zone)).status).toBe('pending')
    },
  )

  it('must be there, in this pack of this hostname', async () => {
    const [one, two] = [await createPack(), await createPack()]
    const pair = await ca.pair('rsa', [one.hostname])
    const places = [
      [two.rsa, one.at],
      [one.rsa, { ...one.at, certificate_pack_id: two.at.certificate_pack_id }],
      [one.rsa, { ...one.at, custom_hostname_id: two.id }],
    ] as const
    for (const [certificate, at] of places) {
      const missing = { status: 404, errors: [{ code: 7003 }] }
      await expect(certificates.delete(certificate, at)).rejects.toMatchObject(missing)
      await expect(certificates.update(certificate, { ...at, ...pair })).rejects.toMatchObject(
        missing,
      )
    }
    const { custom_key: _, ...keyless } = pair
    const path = `/client/v4/zones/${ZONE_ID}/custom_hostnames/${one.id}/certificate_pack/${one.at.certificate_pack_id}/certificates/${one.rsa}`
    const answer = await api.fetch(path, { method: 'PUT', body: keyless })
    expect([answer.status, answer.json.errors[0].code]).toEqual([400, 1428])
    expect((await api.fetch(path, { method: 'PUT', body: {} })).json.errors[0].code).toBe(1427)
  })

  it('is left alone where the pack is managed', async () => {
    const hostname = aName()
    const { id, ssl } = await api.client.customHostnames.create({ ...zone, hostname, ssl: MANAGED })
    const certificate = await issueManaged(id)
    const at = { ...zone, custom_hostname_id: id, certificate_pack_id: ssl?.id ?? '' }
    const managed = { status: 409, errors: [{ code: 1439 }] }
    await expect(certificates.delete(certificate, at)).rejects.toMatchObject(managed)
    const pair = await ca.pair('ecdsa', [hostname])
    await expect(certificates.update(certificate, { ...at, ...pair })).rejects.toMatchObject(
      managed,
    )
  })
})
