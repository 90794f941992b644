import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { fakeClock } from '#test/fake-clock.ts'
import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { helloBytes } from '#test/hello-bytes.ts'
import { rawClient, type RawClient } from '#test/raw-client.ts'
import { aBinding, sealedChains } from '#test/test-binding.ts'
import { startTlsEdge, type TestTlsEdge } from '#test/tls-edge.ts'
import { waitUntil } from '#test/wait.ts'

/**
 * The attack: hold connections without ever finishing a handshake, by silence, by drops of bytes, by
 * stopping half-way, by going away at a bad moment. The rule: each is counted and closed in bounded
 * time, a bounded number is held, and others are served meanwhile.
 */
const NAME = 'app.customer.test'
let certificates: DevCertificates

beforeAll(async () => {
  certificates = await makeDevCertificates([NAME])
})

function serve(edge: TestTlsEdge): void {
  edge.directory.put(aBinding(NAME, { chains: sealedChains(certificates) }))
}

/** A TLS client over a TCP connection of its own, whose bytes pass through `relay`. */
async function handshakeVia(edge: TestTlsEdge, send: (bytes: Buffer, to: RawClient) => void) {
  const raw = await rawClient(edge.port)
  const between = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      send(chunk, raw)
      done()
    },
  })
  raw.socket.on('data', (chunk) => between.push(chunk))
  raw.socket.on('close', () => between.push(null))
  const client = connectTls({ socket: between, servername: NAME, ca: certificates.ca })
  client.on('error', () => {})
  return { client, raw }
}

describe('a slow hello', () => {
  it('sent one byte at a time is served', async () => {
    await using edge = await startTlsEdge()
    serve(edge)
    const { client, raw } = await handshakeVia(edge, (bytes, to) => {
      for (const byte of bytes) to.send(Buffer.of(byte))
    })
    await once(client, 'secureConnect')
    expect(client.authorized).toBe(true)
    raw.socket.destroy()
    client.destroy()
  })

  it('that does not end in time is cut, silence too', async () => {
    const clock = fakeClock()
    await using edge = await startTlsEdge({ clock, limits: { helloMs: 5_000 } })
    using silent = await rawClient(edge.port)
    using slow = await rawClient(edge.port)
    slow.send(helloBytes().subarray(0, 20))
    await waitUntil('both are accepted', () => edge.listener.halfOpen === 2)
    await clock.advance(4_999)
    expect(edge.listener.halfOpen).toBe(2)
    await clock.advance(500)
    await Promise.all([silent.closed, slow.closed])
    expect(await edge.handshakes()).toEqual({ 'hello-timeout': 2 })
    expect(edge.listener.halfOpen).toBe(0)
  })

  it('whose handshake stops half-way is cut', async () => {
    const clock = fakeClock()
    await using edge = await startTlsEdge({ clock, limits: { handshakeMs: 10_000 } })
    serve(edge)
    let sent = 0
    const { client, raw } = await handshakeVia(edge, (bytes, to) => {
      if (sent++ === 0) to.send(bytes)
    })
    await waitUntil('the server has answered the hello', () => raw.received().length > 0)
    await clock.advance(10_500)
    await raw.closed
    client.destroy()
    expect(await edge.handshakes()).toEqual({ 'handshake-timeout': 1 })
  })

  it('waiting for a directory that is silent is cut', async () => {
    const clock = fakeClock()
    const limits = { helloMs: 1_000, lingerMs: 500 }
    await using edge = await startTlsEdge({ clock, limits })
    edge.directory.held = true
    using client = await rawClient(edge.port)
    client.send(helloBytes())
    await waitUntil('the directory is asked', () => edge.directory.reads.length === 1)
    await clock.advance(1_500)
    await client.closed
    expect(await edge.handshakes()).toEqual({ 'hello-timeout': 1 })
    edge.directory.letGo()
    await clock.advance(0)
    expect(edge.http1.accepted).toEqual([])
  })
})

describe('a flood of half-open connections', () => {
  it('takes the place of the oldest, and leaves room for who comes', async () => {
    await using edge = await startTlsEdge({ limits: { halfOpen: 10 } })
    serve(edge)
    const flood: RawClient[] = []
    for (let i = 0; i < 30; i++) flood.push(await rawClient(edge.port))
    await waitUntil('the flood is held to the limit', async () => {
      return ((await edge.handshakes())['crowded-out'] ?? 0) === 20
    })
    expect(edge.listener.halfOpen).toBe(10)
    const client = connectTls({
      port: edge.port,
      host: '127.0.0.1',
      servername: NAME,
      ca: certificates.ca,
    })
    await once(client, 'secureConnect')
    client.destroy()
    for (const { socket } of flood) socket.destroy()
    await waitUntil('all are gone', () => edge.listener.halfOpen === 0)
  })
})

describe('a client that goes away', () => {
  let edge: TestTlsEdge
  beforeAll(async () => {
    edge = await startTlsEdge()
    serve(edge)
  })
  afterAll(() => edge[Symbol.asyncDispose]())

  it.each([
    ['at once', 0, false],
    ['in the middle of its hello', 30, false],
    ['after its hello, with a reset', 10_000, true],
    ['after its hello', 10_000, false],
  ])('%s leaves nothing behind', async (_when, length, reset) => {
    const counted = await edge.handshakes()
    const before = (counted['client-gone'] ?? 0) + (counted['tls-error'] ?? 0)
    const client = await rawClient(edge.port)
    client.send(helloBytes({ signatureAlgorithms: [0x0403] }).subarray(0, length))
    if (reset) client.socket.resetAndDestroy()
    else client.socket.end()
    await waitUntil('it is forgotten', async () => {
      const { 'client-gone': gone = 0, 'tls-error': error = 0 } = await edge.handshakes()
      return edge.listener.halfOpen === 0 && gone + error > before
    })
    await client.closed
    expect(edge.http1.accepted).toEqual([])
  })

  it('while its name is looked up leaves nothing behind', async () => {
    edge.directory.held = true
    const client = await rawClient(edge.port)
    const reads = edge.directory.reads.length
    client.send(helloBytes({ serverName: 'cold.test' }))
    await waitUntil('the name is looked up', () => edge.directory.reads.length > reads)
    client.socket.resetAndDestroy()
    await client.closed
    edge.directory.held = false
    edge.directory.letGo()
    await waitUntil('it is forgotten', () => edge.listener.halfOpen === 0)
    expect(edge.http1.accepted).toEqual([])
  })
})

describe('bytes that are no TLS', () => {
  it('after the handshake end the connection', async () => {
    await using edge = await startTlsEdge()
    serve(edge)
    edge.http1.keepOpen = true
    const { client, raw } = await handshakeVia(edge, (bytes, to) => to.send(bytes))
    await once(client, 'secureConnect')
    await waitUntil('it is handed over', () => edge.http1.openConnections === 1)
    raw.send(Buffer.from(`1703030020${'00'.repeat(32)}`, 'hex'))
    await raw.closed
    client.destroy()
    await waitUntil('the room has closed it', () => edge.http1.openConnections === 0)
    expect(edge.http1.accepted).toHaveLength(1)
  })

  it('get an alert that says what is wrong, and a clean close', async () => {
    await using edge = await startTlsEdge()
    using garbage = await rawClient(edge.port)
    garbage.send(Buffer.alloc(100, 1))
    await garbage.closed
    expect(garbage.received().toString('hex')).toBe('15030300020232')
    using sslv2 = await rawClient(edge.port)
    sslv2.send(Buffer.from('802e010002001500000010', 'hex'))
    await sslv2.closed
    expect(sslv2.received().toString('hex')).toBe('15030300020246')
    expect(await edge.handshakes()).toEqual({ 'malformed-hello': 2 })
  })

  it('from a refused client that never closes are not listened to for long', async () => {
    const clock = fakeClock()
    await using edge = await startTlsEdge({ clock, limits: { lingerMs: 1_000 } })
    using client = await rawClient(edge.port)
    client.socket.pause()
    client.send(helloBytes({ serverName: 'unknown.test' }))
    await waitUntil('it is refused', async () => (await edge.handshakes())['unknown-name'] === 1)
    await clock.advance(1_500)
    await waitUntil('it is forgotten', () => edge.listener.halfOpen === 0)
    client.socket.resume()
    await client.closed
    expect(client.received().toString('hex')).toBe('15030300020270')
  })
})

describe('plain HTTP on the TLS port', () => {
  it.each([
    ['GET / HTTP/1.1\r\nHost: App.customer.test:80\r\n\r\n', `https://${NAME}:`],
    ['POST /x HTTP/1.1\r\nhost:app.customer.test\r\n\r\nbody', `https://${NAME}:`],
    ['GET / HTTP/1.1\r\nHost: <script>\r\n\r\n', 'HTTPS'],
    ['GET / HTTP/1.0\r\n\r\n', 'HTTPS'],
  ])('is answered with a 400 that helps: %j', async (request, hint) => {
    await using edge = await startTlsEdge()
    using client = await rawClient(edge.port)
    client.send(request)
    await client.closed
    const answer = client.received().toString()
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(answer).toContain('x-custos-error: plain_http_on_tls_port')
    expect(answer).toContain(hint)
    expect(answer).not.toContain('<script>')
    expect(await edge.handshakes()).toEqual({ 'plain-http': 1 })
  })
})
