import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type Cloudflare from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startCustos, type Custos } from '#test/custos.ts'
import { startEchoOrigin, type EchoOrigin } from '#test/echo-origin.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'
import { openOwnCa, type OwnCa } from '#test/own-certificates.ts'
import { sClient } from '#test/s-client.ts'
import { tempDir } from '#test/temp-dir.ts'

const HOSTNAME = 'life.localhost'
const MANAGED = { method: 'http', type: 'dv' } as const

/** A hostname from its creation to its end, by the official SDK alone, with all that belongs to it. */
describe('the whole life of a hostname, by the SDK', () => {
  const dir = tempDir()
  const caFile = join(dir.path, 'roots.pem')
  let ca: OwnCa
  let origins: EchoOrigin[]
  let custos: Custos
  let client: Cloudflare
  let zone: { zone_id: string }
  let id: string

  beforeAll(async () => {
    ca = await openOwnCa()
    origins = [await startEchoOrigin(), await startEchoOrigin()]
    const roots = join(dir.path, 'own-root.pem')
    await writeFile(roots, ca.root.cert)
    custos = await startCustos({
      env: {
        CUSTOS_FALLBACK_ORIGIN: origins[0]?.url ?? '',
        CUSTOS_CUSTOM_CERTIFICATE_ROOTS: roots,
      },
    })
    await writeFile(caFile, ca.root.cert + (await readFile(custos.rootsPath, 'utf8')))
    client = await custos.client()
    zone = { zone_id: (await client.zones.list()).result[0]?.id ?? '' }
    id = (await createHostname(client, { ...zone, hostname: HOSTNAME })).id
    await untilActive(client, { ...zone, id })
  })
  afterAll(async () => {
    await custos?.[Symbol.asyncDispose]()
    await Promise.all(origins.map((origin) => origin[Symbol.asyncDispose]()))
    await ca?.[Symbol.asyncDispose]()
    dir.remove()
  })

  const visit = (): ReturnType<typeof sClient> =>
    sClient({
      port: custos.httpsPort,
      serverName: HOSTNAME,
      caFile,
      args: ['-verify_hostname', HOSTNAME],
      input: `GET / HTTP/1.1\r\nHost: ${HOSTNAME}\r\nConnection: close\r\n\r\n`,
    })
  const originStatus = (): Promise<unknown> =>
    client.customHostnames.fallbackOrigin.get(zone).then(
      ({ status }) => status,
      (error: { status: unknown }) => error.status,
    )

  it('is found by every filter that fits, and by none that does not', async () => {
    const filters = {
      hostname: { exact: HOSTNAME },
      ssl: 1,
      ssl_status: 'active',
      hostname_status: 'active',
      wildcard: false,
    } as const
    const list = async (filter: object): Promise<string[]> => {
      const { result } = await client.customHostnames.list({ ...zone, ...filter })
      return result.map((one) => one.id)
    }
    expect(await list(filters)).toEqual([id])
    for (const [filter, other] of [
      ['hostname', { contain: 'nobody' }],
      ['ssl_status', 'pending_validation'],
      ['hostname_status', 'moved'],
      ['wildcard', true],
    ] as const) {
      expect(await list({ ...filters, [filter]: other })).toEqual([])
    }
  })

  it('is sent to another fallback origin, which is active once every edge does', async () => {
    expect(await originStatus()).toBe('active')
    const origin = origins[1]?.url ?? ''
    const put = await client.customHostnames.fallbackOrigin.update({ ...zone, origin })
    expect(put).toMatchObject({ status: 'pending_deployment', errors: [] })
    await expect.poll(originStatus, { timeout: 20_000 }).toBe('active')
    const port = new URL(origin).port
    expect((await client.customHostnames.fallbackOrigin.get(zone)).origin).toContain(port)
    await origins[0]?.[Symbol.asyncDispose]()
    expect((await visit()).text).toContain('HTTP/1.1 200')
  })

  it('keeps its certificate over an edit of its metadata', async () => {
    const before = await client.customHostnames.get(id, zone)
    const edit = { ...zone, custom_metadata: { tenant: '42' } }
    const edited = await client.customHostnames.edit(id, edit)
    expect(edited).toEqual({ ...before, custom_metadata: { tenant: '42' } })
  })

  it('is served with a certificate for a CSR of ours, and goes back', async () => {
    const csr = await client.customCsrs.create({
      ...zone,
      common_name: HOSTNAME,
      sans: [HOSTNAME],
      country: 'DE',
      state: 'Hessen',
      locality: 'Frankfurt',
      organization: 'SaaS',
    })
    const custom_certificate = await ca.sign(csr.csr ?? '', [HOSTNAME])
    const ssl = { custom_certificate, custom_csr_id: csr.id }
    await client.customHostnames.edit(id, { ...zone, ssl })
    const own = await untilActive(client, { ...zone, id })
    expect(own.ssl).toMatchObject({ custom_csr_id: csr.id, custom_certificate, issuer: 'Own CA' })
    expect((await visit()).text).toContain('i:CN = Own CA')
    const remove = (): Promise<unknown> => client.customCsrs.delete(csr.id, zone)
    await expect(remove()).rejects.toMatchObject({ status: 409, errors: [{ code: 1420 }] })

    await client.customHostnames.edit(id, { ...zone, ssl: MANAGED })
    const managed = await untilActive(client, { ...zone, id })
    expect(managed.ssl).not.toHaveProperty('custom_csr_id')
    expect((await visit()).verified).toBe(true)
    expect(await remove()).toEqual({ id: csr.id })
  })

  it('is not served without a fallback origin, whose removal ends once no edge has it', async () => {
    const removed = await client.customHostnames.fallbackOrigin.delete(zone)
    expect(removed.status).toBe('pending_deletion')
    await expect.poll(originStatus, { timeout: 20_000 }).toBe(404)
    expect((await visit()).text).not.toContain('HTTP/1.1 200')
  })

  it('is gone when it was deleted', async () => {
    expect(await client.customHostnames.delete(id, zone)).toMatchObject({ id })
    await expect
      .poll(() => client.customHostnames.get(id, zone).catch(({ status }) => status), {
        timeout: 20_000,
      })
      .toBe(404)
    expect(await visit()).toMatchObject({ alert: 'unrecognized name' })
    const quota = await client.customHostnames.quota.get(zone)
    expect(quota.used).toBe(0)
  })
})
