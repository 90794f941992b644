import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createLogger } from '#lib/log.ts'
import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { helloBytes, serverNameExtension } from '#test/hello-bytes.ts'
import { rawClient } from '#test/raw-client.ts'
import { sClient } from '#test/s-client.ts'
import { aBinding, sealedChains } from '#test/test-binding.ts'
import { startTlsEdge, type TestTlsEdge } from '#test/tls-edge.ts'

const NAME = 'app.customer.test'
let certificates: DevCertificates

beforeAll(async () => {
  certificates = await makeDevCertificates([NAME, '*.wild.test'])
})

/** Which names are served, and what a client hears for one that is not. */
describe('a server name', () => {
  let edge: TestTlsEdge
  const lines: string[] = []

  beforeAll(async () => {
    const logger = createLogger({ level: 'warn', write: (line) => lines.push(line) })
    edge = await startTlsEdge({ logger })
    const chains = sealedChains(certificates)
    edge.directory.put(
      aBinding(NAME, { chains }),
      aBinding('wild.test', { chains, wildcard: true }),
      aBinding('missing.test', { chains, missing: ['The zone has no origin yet.'] }),
      aBinding('nochain.test', { chains: [] }),
      aBinding('broken.test', {
        chains: chains.map((chain) => ({ ...chain, certificateId: 'of another' })),
      }),
    )
  })
  beforeEach(() => void lines.splice(0))
  afterAll(() => edge[Symbol.asyncDispose]())

  it('is found in whatever case it comes, and without its trailing dot', async () => {
    const result = await sClient({ port: edge.port, serverName: 'App.CUSTOMER.test.' })
    expect(result.version).toBe('TLSv1.3')
    expect(edge.http1.accepted.at(-1)?.tls?.serverName).toBe(NAME)
  })

  it('below a wildcard is served, as itself', async () => {
    await sClient({ port: edge.port, serverName: 'a.wild.test' })
    expect(edge.http1.accepted.at(-1)?.tls).toMatchObject({
      serverName: 'a.wild.test',
      binding: { hostname: 'wild.test' },
    })
    const deeper = await sClient({ port: edge.port, serverName: 'a.b.wild.test' })
    expect(deeper.alert).toBe('unrecognized name')
  })

  it.each([
    ['that nobody has', 'unknown.test', 'unknown-name', 'unrecognized name'],
    ['that is an IP address', '192.0.2.1', 'unknown-name', 'unrecognized name'],
    ['that is missing', undefined, 'no-server-name', 'unrecognized name'],
    ['that is not to be served yet', 'missing.test', 'not-ready', 'unrecognized name'],
    ['without a certificate', 'nochain.test', 'not-ready', 'unrecognized name'],
  ])('%s is refused and counted', async (_what, serverName, result, alert) => {
    const before = (await edge.handshakes())[result] ?? 0
    const answer = await sClient({ port: edge.port, serverName })
    expect(answer).toMatchObject({ alert, version: undefined })
    expect((await edge.handshakes())[result]).toBe(before + 1)
    expect(lines).toEqual([])
  })

  it('whose keys cannot be opened is refused, and somebody is told, once', async () => {
    for (let i = 0; i < 3; i++) {
      const answer = await sClient({ port: edge.port, serverName: 'broken.test' })
      expect(answer.alert).toBe('internal error')
    }
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual([
      'error',
      'error',
    ])
    expect(lines.join()).not.toContain('PRIVATE')
  })

  it('in an extension that is broken is a malformed hello', async () => {
    const extensions = [serverNameExtension({ name: '' })]
    using client = await rawClient(edge.port)
    client.send(helloBytes({ serverName: null, extensions }))
    await client.closed
    expect(client.received().toString('hex')).toBe('15030300020232')
  })

  it('that a client invents costs one read of the directory', async () => {
    for (let i = 0; i < 3; i++) await sClient({ port: edge.port, serverName: 'invented.test' })
    expect(edge.directory.reads.filter((name) => name === 'invented.test')).toHaveLength(1)
  })

  it('that is not in memory while the directory is away gets an internal error', async () => {
    edge.directory.available = false
    const cold = await sClient({ port: edge.port, serverName: 'cold.test' })
    const hot = await sClient({ port: edge.port, serverName: NAME })
    edge.directory.available = true
    expect(cold.alert).toBe('internal error')
    expect(hot.version).toBe('TLSv1.3')
    expect(lines).toEqual([])
  })
})

describe('a default hostname', () => {
  it('is served to clients without a server name or with an unknown one', async () => {
    await using edge = await startTlsEdge({ defaultHostname: NAME })
    edge.directory.put(aBinding(NAME, { chains: sealedChains(certificates) }))
    for (const serverName of [undefined, 'unknown.test', '192.0.2.1']) {
      const { version } = await sClient({ port: edge.port, serverName })
      expect(version).toBe('TLSv1.3')
      expect(edge.http1.accepted.at(-1)?.tls?.serverName).toBe(NAME)
    }
  })

  it('that does not exist refuses them', async () => {
    await using edge = await startTlsEdge({ defaultHostname: 'absent.test' })
    const { alert } = await sClient({ port: edge.port, serverName: 'unknown.test' })
    expect(alert).toBe('unrecognized name')
  })
})

describe('an expired certificate', () => {
  it('is not shown while the other one is valid', async () => {
    await using edge = await startTlsEdge()
    const [ecdsa, rsa] = sealedChains(certificates)
    const chains = [ecdsa, rsa].filter((chain) => chain !== undefined)
    const expired = chains.map((chain) =>
      chain.keyAlgorithm === 'ecdsa' ? { ...chain, notAfter: 1 } : chain,
    )
    edge.directory.put(aBinding(NAME, { chains: expired }))
    edge.directory.put(aBinding('all.test', { chains: chains.map((c) => ({ ...c, notAfter: 1 })) }))
    const shown = await sClient({ port: edge.port, serverName: NAME })
    expect(shown.keyAlgorithm).toBe('rsa')
    const nothingElse = await sClient({ port: edge.port, serverName: 'all.test' })
    expect(nothingElse.keyAlgorithm).toBe('ecdsa')
  })

  it('is not shown any more from the moment it expires', async () => {
    const clock = fakeClock(Date.now())
    await using edge = await startTlsEdge({ clock })
    const chains = sealedChains(certificates).map((chain) =>
      chain.keyAlgorithm === 'ecdsa' ? { ...chain, notAfter: clock.now() + 1_000 } : chain,
    )
    edge.directory.put(aBinding(NAME, { chains }))
    const before = await sClient({ port: edge.port, serverName: NAME })
    await clock.advance(1_000)
    const after = await sClient({ port: edge.port, serverName: NAME })
    expect([before.keyAlgorithm, after.keyAlgorithm]).toEqual(['ecdsa', 'rsa'])
  })
})
