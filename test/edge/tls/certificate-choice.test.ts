import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { effectiveTlsSettings } from '#domain/tls-settings.ts'
import { makeDevCa, makeDevCertificates } from '#test/dev-certs.ts'
import { sClient, type SClientResult } from '#test/s-client.ts'
import { tempDir } from '#test/temp-dir.ts'
import { aBinding, sealedChain, sealedChains } from '#test/test-binding.ts'
import { startTlsEdge, type TestTlsEdge } from '#test/tls-edge.ts'

/** What a client gets, by its offer and the hostname's settings, as real `openssl s_client` sees it. */
const NAME = 'app.customer.test'
const dir = tempDir()
const caFile = join(dir.path, 'ca.pem')
let edge: TestTlsEdge

beforeAll(async () => {
  const ca = await makeDevCa()
  writeFileSync(caFile, ca.ca)
  edge = await startTlsEdge()
  const certificates = await ca.issue([NAME, 'other.test'])
  const chains = sealedChains(certificates)
  const of = (name: string, settings: Parameters<typeof effectiveTlsSettings>[0]): void =>
    edge.directory.put(aBinding(name, { chains, tls: effectiveTlsSettings(settings) }))
  of(NAME, {})
  of('only13.test', { min_tls_version: '1.3' })
  of('only12.test', { tls_1_3: 'off' })
  of('old.test', { min_tls_version: '1.0' })
  of('http1.test', { http2: 'off' })
  of('ciphers.test', { ciphers: ['ECDHE-RSA-AES256-GCM-SHA384', 'ALL:@SECLEVEL=0'] })
  edge.directory.put(
    aBinding('rsa.test', { chains: [sealedChain(certificates, { keyAlgorithm: 'rsa' })] }),
  )
})

afterAll(async () => {
  await edge[Symbol.asyncDispose]()
  dir.remove()
})

function connect(serverName: string, args: readonly string[] = []): Promise<SClientResult> {
  const trust = serverName === NAME ? { caFile } : {}
  return sClient({ port: edge.port, serverName, args, ...trust })
}

/** What the protocol room was told about the connection just made. */
function told(result: SClientResult): unknown {
  const line = /^\{"scheme".*\}$/m.exec(result.text)?.[0] ?? '{}'
  return (JSON.parse(line) as { tls?: unknown }).tls
}

describe('the certificate that is shown', () => {
  it.each([
    ['ECDSA to a client that takes both', [], 'ecdsa', 'TLSv1.3'],
    [
      'ECDSA to a client that prefers RSA',
      ['-sigalgs', 'rsa_pss_rsae_sha256:ECDSA+SHA256'],
      'ecdsa',
      'TLSv1.3',
    ],
    ['ECDSA to a client that takes ECDSA only', ['-sigalgs', 'ECDSA+SHA256'], 'ecdsa', 'TLSv1.3'],
    [
      'RSA to a client that takes RSA signatures only',
      ['-sigalgs', 'rsa_pss_rsae_sha256'],
      'rsa',
      'TLSv1.3',
    ],
    ['ECDSA in TLS 1.2', ['-tls1_2'], 'ecdsa', 'TLSv1.2'],
    [
      'ECDSA in TLS 1.2 by cipher',
      ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
      'ecdsa',
      'TLSv1.2',
    ],
    [
      'RSA in TLS 1.2 by cipher',
      ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'],
      'rsa',
      'TLSv1.2',
    ],
    [
      'RSA in TLS 1.2 by signature algorithms',
      ['-tls1_2', '-sigalgs', 'RSA+SHA256'],
      'rsa',
      'TLSv1.2',
    ],
  ])('is %s', async (_what, args, keyAlgorithm, version) => {
    const result = await connect(NAME, args)
    expect(result).toMatchObject({ keyAlgorithm, version, verified: true, resumed: false })
    expect(told(result)).toMatchObject({
      serverName: NAME,
      binding: NAME,
      keyAlgorithm,
      version,
      cipher: result.cipher,
      resumed: false,
      alpn: 'http/1.1',
    })
  })

  it('is the RSA one where there is no other, to whoever takes it', async () => {
    expect(await connect('rsa.test')).toMatchObject({ keyAlgorithm: 'rsa', version: 'TLSv1.3' })
    const ecdsaOnly = await connect('rsa.test', ['-sigalgs', 'ECDSA+SHA256'])
    expect(ecdsaOnly).toMatchObject({ version: undefined, alert: 'handshake failure' })
  })
})

describe("a hostname's own TLS settings", () => {
  it('refuse a version below its minimum, with an alert that says so', async () => {
    const refused = await connect('only13.test', ['-tls1_2'])
    expect(refused).toMatchObject({ version: undefined, alert: 'protocol version' })
    expect(await connect('only13.test')).toMatchObject({ version: 'TLSv1.3' })
    const old = await connect(NAME, ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'])
    expect(old).toMatchObject({ version: undefined, alert: 'protocol version' })
  })

  it('permit TLS 1.0 where its owner asked for it', async () => {
    const result = await connect('old.test', ['-tls1', '-cipher', 'ALL:@SECLEVEL=0'])
    expect(result).toMatchObject({ version: 'TLSv1', keyAlgorithm: 'ecdsa' })
    expect(told(result)).toMatchObject({ version: 'TLSv1', keyAlgorithm: 'ecdsa' })
  })

  it('switch TLS 1.3 off', async () => {
    expect(await connect('only12.test')).toMatchObject({ version: 'TLSv1.2' })
    const refused = await connect('only12.test', ['-tls1_3'])
    expect(refused).toMatchObject({ version: undefined, alert: 'protocol version' })
  })

  it('choose the ciphers of TLS 1.2, by name only', async () => {
    const result = await connect('ciphers.test', ['-tls1_2'])
    expect(result).toMatchObject({ cipher: 'ECDHE-RSA-AES256-GCM-SHA384', keyAlgorithm: 'rsa' })
    const weak = ['-tls1_2', '-cipher', 'AES128-SHA:@SECLEVEL=0']
    expect(await connect('ciphers.test', weak)).toMatchObject({ alert: 'handshake failure' })
  })

  it('switch HTTP/2 off', async () => {
    const both = ['-alpn', 'h2,http/1.1']
    const on = await connect(NAME, both)
    expect(on).toMatchObject({ alpn: 'h2' })
    expect(told(on)).toMatchObject({ alpn: 'h2' })
    expect(await connect('http1.test', both)).toMatchObject({ alpn: 'http/1.1' })
  })

  it('refuse a client that speaks no protocol of ours', async () => {
    const result = await connect(NAME, ['-alpn', 'acme-tls/1'])
    expect(result).toMatchObject({ alert: 'no application protocol' })
  })
})

describe('key exchange', () => {
  it.each(['X25519MLKEM768', 'X25519', 'P-256', 'P-384'])('takes %s', async (ecdhCurve) => {
    const { port } = edge
    const rejectUnauthorized = false
    const options = { port, host: '127.0.0.1', servername: NAME, ecdhCurve, rejectUnauthorized }
    const client = connectTls(options)
    await once(client, 'secureConnect')
    expect(client.getProtocol()).toBe('TLSv1.3')
    client.destroy()
  })
})

describe('a memory with room for one hostname only', () => {
  it('does not disturb handshakes whose context is evicted meanwhile', async () => {
    const certificates = await makeDevCertificates(['*.small.test'])
    await using small = await startTlsEdge({ cacheBytes: 60_000 })
    const names = Array.from({ length: 30 }, (_, i) => `n${i % 6}.small.test`)
    const chains = sealedChains(certificates)
    small.directory.put(...names.map((name) => aBinding(name, { chains })))
    const { port } = small
    const visits = names.map(async (servername) => {
      const client = connectTls({ port, host: '127.0.0.1', servername, ca: certificates.ca })
      client.resume()
      await once(client, 'close')
      return client.authorized
    })
    expect(await Promise.all(visits)).toEqual(names.map(() => true))
    expect([...small.bindings.bindings()]).toHaveLength(1)
    expect(small.http1.accepted).toHaveLength(30)
  })
})

describe('a connection that is handed over', () => {
  it('goes to the room that ALPN chose', async () => {
    const before = [edge.http1.accepted.length, edge.http2.accepted.length]
    await connect(NAME, ['-alpn', 'h2'])
    await connect(NAME, ['-alpn', 'http/1.1'])
    await connect(NAME)
    const after = [edge.http1.accepted.length, edge.http2.accepted.length]
    expect(after).toEqual([(before[0] ?? 0) + 2, (before[1] ?? 0) + 1])
  })

  it('knows where it came from and where it was accepted', async () => {
    const result = await connect(NAME)
    const connection = edge.http1.accepted.at(-1)
    expect(result.text).toContain(`"remotePort":${connection?.remotePort}`)
    expect(connection).toMatchObject({
      scheme: 'https',
      remoteAddress: '127.0.0.1',
      localPort: edge.port,
    })
  })

  it('is no longer counted as a handshake', async () => {
    await connect(NAME)
    expect(edge.listener.halfOpen).toBe(0)
  })
})
