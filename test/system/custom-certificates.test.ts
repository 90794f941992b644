import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type Cloudflare from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { KeyAlgorithm } from '#domain/certificate.ts'
import { startCustos, type Custos } from '#test/custos.ts'
import { startEchoOrigin, type EchoOrigin } from '#test/echo-origin.ts'
import { untilActive } from '#test/hostnames.ts'
import { openOwnCa, type OwnCa } from '#test/own-certificates.ts'
import { sClient } from '#test/s-client.ts'
import { tempDir } from '#test/temp-dir.ts'
import { SIGALGS, startVisitors } from '#test/visitors.ts'

const HOSTNAME = 'own.localhost'
const MANAGED = { method: 'http', type: 'dv' } as const

describe('a hostname with certificates of the caller’s own', () => {
  const dir = tempDir()
  const caFile = join(dir.path, 'roots.pem')
  let ca: OwnCa
  let origin: EchoOrigin
  let custos: Custos
  let client: Cloudflare
  let zone_id: string
  let id: string
  beforeAll(async () => {
    ca = await openOwnCa()
    origin = await startEchoOrigin()
    const roots = join(dir.path, 'own-root.pem')
    await writeFile(roots, ca.root.cert)
    custos = await startCustos({
      env: { CUSTOS_FALLBACK_ORIGIN: origin.url, CUSTOS_CUSTOM_CERTIFICATE_ROOTS: roots },
    })
    await writeFile(caFile, ca.root.cert + (await readFile(custos.rootsPath, 'utf8')))
    client = await custos.client()
    zone_id = (await client.zones.list()).result[0]?.id ?? ''
    const ssl = { custom_cert_bundle: await pairs() }
    const created = await client.customHostnames.create({ zone_id, hostname: HOSTNAME, ssl })
    id = created.id
    await untilActive(client, { zone_id, id })
  })
  afterAll(async () => {
    await custos?.[Symbol.asyncDispose]()
    await origin?.[Symbol.asyncDispose]()
    await ca?.[Symbol.asyncDispose]()
    dir.remove()
  })

  const pairs = async (): Promise<Awaited<ReturnType<OwnCa['pair']>>[]> =>
    Promise.all([ca.pair('ecdsa', [HOSTNAME]), ca.pair('rsa', [HOSTNAME])])
  const show = (only: KeyAlgorithm): ReturnType<typeof sClient> =>
    sClient({
      port: custos.httpsPort,
      serverName: HOSTNAME,
      caFile,
      args: ['-sigalgs', SIGALGS[only], '-verify_hostname', HOSTNAME],
      input: `GET / HTTP/1.1\r\nHost: ${HOSTNAME}\r\nConnection: close\r\n\r\n`,
    })

  it.each(['ecdsa', 'rsa'] as const)('shows the %s one to who can only that', async (only) => {
    const shown = await show(only)
    expect(shown).toMatchObject({ verified: true, keyAlgorithm: only })
    expect(shown.text).toContain('i:CN = Own CA')
    expect(shown.text).toContain('HTTP/1.1 200')
  })

  it('goes to managed certificates and back without a handshake that fails', async () => {
    const roots = await readFile(caFile, 'utf8')
    const visitors = startVisitors({ port: custos.httpsPort, hostname: HOSTNAME, ca: roots })
    await client.customHostnames.edit(id, { zone_id, ssl: MANAGED })
    await untilActive(client, { zone_id, id })
    await visitors.untilAllSee(({ issuer }) => String(issuer.CN).includes('Custos Local'))
    const ssl = { custom_cert_bundle: await pairs() }
    await client.customHostnames.edit(id, { zone_id, ssl })
    await untilActive(client, { zone_id, id })
    await visitors.untilAllSee(({ issuer }) => issuer.CN === 'Own CA')
    const { failures, handshakes } = await visitors.stop()
    expect(failures).toEqual([])
    expect(handshakes).toBeGreaterThan(10)
  })

  it('is served by the other kind once one is deleted, and by its replacement', async () => {
    const at = { zone_id, custom_hostname_id: id, certificate_pack_id: await packId() }
    const { certificates } = client.customHostnames.certificatePack
    const [ecdsa = '', rsa = ''] = await certificateIds()
    await certificates.update(ecdsa, { ...at, ...(await ca.pair('ecdsa', [HOSTNAME])) })
    await untilActive(client, { zone_id, id })
    const [replaced = ''] = await certificateIds()
    expect(replaced).not.toBe(ecdsa)
    expect(await show('ecdsa')).toMatchObject({ verified: true, keyAlgorithm: 'ecdsa' })
    await certificates.delete(rsa, at)
    await untilActive(client, { zone_id, id })
    expect((await show('rsa')).alert).toBe('handshake failure')
    expect(await show('ecdsa')).toMatchObject({ verified: true, keyAlgorithm: 'ecdsa' })
  })

  const packId = async (): Promise<string> =>
    (await client.customHostnames.get(id, { zone_id })).ssl?.id ?? ''
  const certificateIds = async (): Promise<string[]> => {
    const { ssl } = await client.customHostnames.get(id, { zone_id })
    return (ssl as { certificates?: { id: string }[] }).certificates?.map((each) => each.id) ?? []
  }
})
