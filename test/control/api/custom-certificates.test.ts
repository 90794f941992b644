import { createPrivateKey, X509Certificate } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createLogger } from '#lib/log.ts'
import { createSealer } from '#lib/sealing.ts'
import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { openOwnCa, type OwnCa, type OwnPair } from '#test/own-certificates.ts'
import { idsOf, ownHostnames } from '#test/own-hostnames.ts'

/** Certificates of the caller's own through the official SDK (spec sections 1.4 to 1.6). */
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

const { create, edit, recordOf, deploy, storedOf, issueManaged } = ownHostnames(() => api)
const zone = { zone_id: ZONE_ID }
const MANAGED = { method: 'http', type: 'dv' } as const
const ECDSA = 'ECDSAWithSHA256'

let counted = 0
const aName = (): string => `own${++counted}.tenant.com`

describe('a hostname that comes with a certificate', () => {
  it('shows it and its chain, is deployed without validation, and hides the key', async () => {
    const hostname = aName()
    const pair = await ca.pair('ecdsa', [hostname])
    const { hostnameId, ...ssl } = await create(hostname, { ...pair, bundle_method: 'optimal' })
    expect(ssl).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: 'dv',
      status: 'pending_deployment',
      bundle_method: 'optimal',
      wildcard: false,
      settings: {},
      hosts: [hostname],
      issuer: 'Own CA',
      serial_number: expect.stringMatching(/^\d+$/),
      signature: ECDSA,
      uploaded_on: expect.any(String),
      expires_on: expect.any(String),
      certificates: [expect.objectContaining({ issuer: 'Own CA', signature: ECDSA })],
      custom_certificate: pair.custom_certificate,
    })
    expect((await deploy(hostnameId)).chains).toHaveLength(1)
    const read = await api.client.customHostnames.get(hostnameId, zone)
    expect(read.ssl?.status).toBe('active')
    expect(JSON.stringify(read)).not.toContain('PRIVATE KEY')
  })

  it('has its key sealed for the certificate alone', async () => {
    const hostname = aName()
    const pair = await ca.pair('rsa', [hostname])
    const { hostnameId } = await create(hostname, pair)
    const [certificate] = await api.store.certificates.listByHostname(hostnameId)
    if (!certificate) throw new Error('no certificate is stored')
    const sealer = createSealer([Buffer.alloc(32, 7)])
    const opened = Buffer.from(sealer.open(certificate.sealedKey, certificate.id))
    const key = createPrivateKey({ key: opened, format: 'der', type: 'pkcs8' })
    expect(new X509Certificate(certificate.chain.leaf).checkPrivateKey(key)).toBe(true)
    expect(() => sealer.open(certificate.sealedKey, hostnameId)).toThrow(/another record/)
    expect(certificate.ca).toBeUndefined()
  })

  it('may have one of each kind, and a wildcard', async () => {
    const hostname = aName()
    const names = [hostname, `*.${hostname}`]
    const custom_cert_bundle = [await ca.pair('rsa', names), await ca.pair('ecdsa', names)]
    const ssl = await create(hostname, { custom_cert_bundle, wildcard: true })
    expect(ssl.wildcard).toBe(true)
    expect(idsOf(ssl)).toHaveLength(2)
    const record = await recordOf(ssl.hostnameId)
    expect(record.chains.map(({ keyAlgorithm }) => keyAlgorithm)).toEqual(['ecdsa', 'rsa'])
  })

  it('ignores how a CA would validate, and which', async () => {
    const hostname = `${'a'.repeat(60)}.${aName()}`
    const pair = await ca.pair('ecdsa', [`*.${hostname.slice(61)}`])
    const ssl = await create(hostname, { ...pair, ...MANAGED, certificate_authority: 'google' })
    expect(ssl).not.toHaveProperty('method')
    expect(ssl).not.toHaveProperty('certificate_authority')
  })
})

describe('a certificate that is refused', () => {
  const errorOf = async (hostname: string, ssl: object): Promise<unknown> => {
    const body = { hostname, ssl }
    const path = `/client/v4/zones/${ZONE_ID}/custom_hostnames`
    const { status, json, text } = await api.fetch(path, { method: 'POST', body })
    expect(text).not.toMatch(/BEGIN PRIVATE|MII|MIG/)
    const [{ code, source, message }] = json.errors
    expect(message).not.toContain(':reason')
    return [status, code, source.pointer]
  }

  it('says by its code which rule it breaks, and where', async () => {
    const hostname = aName()
    const good = await ca.pair('ecdsa', [hostname])
    const other = await ca.pair('ecdsa', [aName()])
    const self = await ca.pki.issue({
      names: [hostname],
      extensions: ['basicConstraints=CA:false'],
    })
    const old = await ca.pki.issue({ names: [hostname], issuer: ca.intermediate, digest: 'sha1' })
    const { cert, key } = ca.intermediate
    const certificate = '/ssl/custom_certificate'
    const cases: [number, string, OwnPair][] = [
      [1426, certificate, { ...good, custom_certificate: 'hello' }],
      [1426, certificate, { ...good, custom_certificate: good.custom_key }],
      [1427, certificate, { ...good, custom_certificate: ' ' }],
      [1428, '/ssl/custom_key', { ...good, custom_key: good.custom_certificate }],
      [1429, '/ssl/custom_key', { ...good, custom_key: other.custom_key }],
      [1441, certificate, { custom_certificate: self.cert, custom_key: self.key }],
      [1444, certificate, { ...good, custom_certificate: good.custom_certificate + old.cert }],
      [1445, certificate, { custom_certificate: cert, custom_key: key }],
      [1446, certificate, other],
      [1447, certificate, { custom_certificate: old.cert + cert, custom_key: old.key }],
    ]
    for (const [code, pointer, pair] of cases) {
      expect(await errorOf(hostname, pair)).toEqual([400, code, pointer])
    }
    const force = { custom_certificate: self.cert, custom_key: self.key, bundle_method: 'force' }
    expect((await create(hostname, { ...force, bundle_method: 'force' })).issuer).toBe(hostname)
  })

  it('in a bundle is pointed at, and so are two of one kind', async () => {
    const hostname = aName()
    const [rsa, again] = [await ca.pair('rsa', [hostname]), await ca.pair('rsa', [hostname])]
    const stray = await ca.pair('ecdsa', [aName()])
    const bundle = (...custom_cert_bundle: OwnPair[]): object => ({ custom_cert_bundle })
    const pointer = '/ssl/custom_cert_bundle'
    expect(await errorOf(hostname, bundle(rsa, again))).toEqual([400, 1434, pointer])
    const inner = `${pointer}/1/custom_certificate`
    expect(await errorOf(hostname, bundle(rsa, stray))).toEqual([400, 1446, inner])
  })

  it('leaves nothing in the store, and its key in no answer', async () => {
    const hostname = aName()
    const pair = await ca.pair('ecdsa', [hostname])
    const long = pair.custom_key + '-'.repeat(9_000)
    expect(await errorOf(hostname, { ...pair, custom_key: long })).toEqual([
      400,
      1428,
      '/ssl/custom_key',
    ])
    expect(await errorOf(hostname, { custom_cert_bundle: pair.custom_key })).toEqual([
      400,
      1434,
      '/ssl/custom_cert_bundle',
    ])
    const asText = JSON.stringify(pair)
    const path = `/client/v4/zones/${ZONE_ID}/custom_hostnames`
    const answer = await api.fetch(path, { method: 'POST', body: { hostname, ssl: asText } })
    expect(answer.status).toBe(400)
    expect(answer.text).not.toContain('BEGIN')
    const { result } = await api.client.customHostnames.list({
      ...zone,
      hostname: { exact: hostname },
    })
    expect(result).toEqual([])
  })
})

it('no key is in a log line, even where the store fails', async () => {
  const lines: string[] = []
  const log = createLogger({ level: 'debug', write: (line) => void lines.push(line) })
  await using failing = await startApi({ roots: [ca.root.cert], deps: { log } })
  failing.store.hostnames.create = () => Promise.reject(new Error('the disk is gone'))
  const hostname = aName()
  const pair = await ca.pair('ecdsa', [hostname])
  const path = `/client/v4/zones/${ZONE_ID}/custom_hostnames`
  const answer = await failing.fetch(path, { method: 'POST', body: { hostname, ssl: pair } })
  expect(answer.status).toBe(500)
  const logged = lines.join('')
  expect(logged).toContain('the disk is gone')
  for (const text of [answer.text, logged]) {
    expect(text).not.toContain('PRIVATE KEY')
    expect(text).not.toContain(pair.custom_key.split('\n')[1])
  }
})

describe('editing the certificate of a hostname', () => {
  it('replaces managed ones whole, in one publication', async () => {
    const hostname = aName()
    const { id } = await api.client.customHostnames.create({ ...zone, hostname, ssl: MANAGED })
    const issued = await issueManaged(id)
    const before = await recordOf(id)
    const pair = await ca.pair('rsa', [hostname])
    const ssl = await edit(id, pair)
    expect(ssl).not.toHaveProperty('method')
    expect(ssl.id).toBe(before.ssl?.packId)
    const after = await recordOf(id)
    expect(after.chains).toHaveLength(1)
    expect(after.deployment.serial).toBeGreaterThan(before.deployment.serial)
    expect(await storedOf(id)).toEqual(idsOf(ssl))
    expect(idsOf(ssl)).not.toContain(issued)
    expect(after.chains[0]?.issuance).toMatchObject({ serial: after.deployment.serial })
  })

  it('goes back to managed ones, each served until its successor is signed', async () => {
    const hostname = aName()
    const { hostnameId } = await create(hostname, await ca.pair('rsa', [hostname]))
    const [own] = (await deploy(hostnameId)).chains
    const ssl = await edit(hostnameId, MANAGED)
    expect(ssl).toMatchObject({ method: 'http', status: 'pending_validation' })
    expect(ssl.validation_records).toHaveLength(1)
    expect(ssl).not.toHaveProperty('custom_certificate')
    const { chains } = await recordOf(hostnameId)
    expect(chains.map(({ certificate }) => certificate)).toEqual([undefined, own?.certificate])
    expect(chains.map(({ issuance }) => issuance.state)).toEqual(['ordered', 'scheduled'])
    expect(await storedOf(hostnameId)).toEqual([own?.certificate?.id])
    // And turns round half way.
    const again = await edit(hostnameId, await ca.pair('ecdsa', [hostname]))
    expect(idsOf(again)).toHaveLength(1)
    expect((await recordOf(hostnameId)).chains).toHaveLength(1)
  })

  it('needs certificate and key again where only settings change', async () => {
    const hostname = aName()
    const pair = await ca.pair('ecdsa', [hostname])
    const { hostnameId, ...before } = await create(hostname, pair)
    await deploy(hostnameId)
    const settings = { min_tls_version: '1.3' } as const
    await expect(edit(hostnameId, { settings })).rejects.toMatchObject({
      status: 400,
      errors: [{ code: 1440, message: expect.stringContaining('custom_certificate') }],
    })
    const { serial } = (await recordOf(hostnameId)).deployment
    const after = await edit(hostnameId, { ...pair, settings })
    expect(after.settings).toEqual(settings)
    expect(idsOf(after)).toEqual(idsOf(before))
    const changed = await recordOf(hostnameId)
    expect(changed.deployment.serial).toBeGreaterThan(serial)
    expect(changed.chains[0]?.issuance.state).toBe('uploaded')
    await edit(hostnameId, { ...pair, settings })
    const { chains, deployment } = await recordOf(hostnameId)
    expect({ chains, deployment }).toEqual({
      chains: changed.chains,
      deployment: changed.deployment,
    })
  })

  it('adds the second kind by a bundle of one, and replaces all by a certificate alone', async () => {
    const hostname = aName()
    const { hostnameId, ...first } = await create(hostname, await ca.pair('rsa', [hostname]))
    const ecdsa = await ca.pair('ecdsa', [hostname])
    const both = await edit(hostnameId, { custom_cert_bundle: [ecdsa] })
    expect(idsOf(both)).toHaveLength(2)
    expect(idsOf(both)[1]).toBe(idsOf(first)[0])
    const one = await edit(hostnameId, ecdsa)
    expect(idsOf(one)).toEqual([idsOf(both)[0]])
    expect(await storedOf(hostnameId)).toEqual(idsOf(one))
  })

  it('keeps no other certificate that does not cover a new wildcard', async () => {
    const hostname = aName()
    const { hostnameId } = await create(hostname, await ca.pair('rsa', [hostname]))
    const ecdsa = await ca.pair('ecdsa', [hostname, `*.${hostname}`])
    const ssl = await edit(hostnameId, { custom_cert_bundle: [ecdsa], wildcard: true })
    expect(idsOf(ssl)).toHaveLength(1)
  })

  it('takes it away with null', async () => {
    const hostname = aName()
    const { hostnameId } = await create(hostname, await ca.pair('rsa', [hostname]))
    const path = `/zones/${ZONE_ID}/custom_hostnames/${hostnameId}`
    await api.client.patch(path, { body: { ssl: null } })
    expect(await storedOf(hostnameId)).toEqual([])
    const { ssl, chains } = await recordOf(hostnameId)
    expect([ssl, chains]).toEqual([undefined, []])
  })
})
