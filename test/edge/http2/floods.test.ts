import { once } from 'node:events'
import { connect as connectTls, type TLSSocket } from 'node:tls'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'

import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { http2Client } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge, type HttpEdgeOptions } from '#test/http-edge.ts'
import { startOrigin, type OriginHandler } from '#test/origin.ts'
import { waitUntil } from '#test/wait.ts'

/**
 * The attack: frames that are cheap to send and dear to answer: streams opened and cancelled
 * (CVE-2023-44487), PING and SETTINGS (CVE-2019-9512, -9515), empty DATA (CVE-2019-9518), header
 * blocks without end (CVE-2024-27316), streams by the thousand. The rule: each has a bound, and the
 * connection that goes beyond is ended; the origin hears of no more than was allowed.
 */
let certificates: DevCertificates
const opened: AsyncDisposable[] = []

beforeAll(async () => {
  certificates = await makeDevCertificates([HOST])
})

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function edgeBefore(
  handler: OriginHandler,
  options: HttpEdgeOptions = {},
): Promise<HttpEdge> {
  const origin = await startOrigin(handler)
  const edge = await startHttpEdge({
    origin: origin.origin,
    tls: certificates.ecdsa,
    ...options,
    limits: { controlFrameBurst: 30, controlFrameRate: 1, ...options.limits },
  })
  opened.push(origin, edge)
  return edge
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const CONTINUATION = 9

/** RFC 9113 section 4.1. */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** GET / for HOST, as literal fields (RFC 7541 section 6.2.2). */
function headerBlock(): Buffer {
  const authority = Buffer.from(HOST)
  return Buffer.concat([
    Buffer.from([0x82, 0x87, 0x84, 0x01, authority.length]), // GET, https, /, :authority
    authority,
  ])
}

/** A client that writes frames by hand. */
async function rawHttp2(edge: HttpEdge): Promise<TLSSocket> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: edge.tlsPort,
    servername: HOST,
    ca: certificates.ca,
    ALPNProtocols: ['h2'],
  })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.resume()
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.alloc(0))]))
  return socket
}

/** Writes until the other side ends the connection. */
async function flood(socket: TLSSocket, next: (i: number) => Buffer): Promise<number> {
  let sent = 0
  const isOver = (): boolean => socket.destroyed || socket.writableEnded || socket.readableEnded
  await waitUntil('the connection was ended', () => {
    for (let i = 0; i < 200 && !isOver(); i++) socket.write(next(sent++))
    return isOver()
  })
  socket.destroy()
  return sent
}

describe('an HTTP/2 client that floods', () => {
  it('is ended when it opens streams only to cancel them', async () => {
    let requests = 0
    const edge = await edgeBefore(() => void requests++)
    const socket = await rawHttp2(edge)
    const cancel = Buffer.from([0, 0, 0, 8])
    await flood(socket, (i) => {
      const id = 2 * i + 1
      return Buffer.concat([frame(HEADERS, 5, id, headerBlock()), frame(RST_STREAM, 0, id, cancel)])
    })
    await waitUntil('it is gone', () => edge.protocols.http2.openConnections === 0)
    expect(requests).toBeLessThan(200)
  })

  it('is ended for PING without end', async () => {
    const edge = await edgeBefore((_, response) => response.end())
    await flood(await rawHttp2(edge), () => frame(PING, 0, 0, Buffer.alloc(8)))
    await waitUntil('it is gone', () => edge.protocols.http2.openConnections === 0)
    expect(await edge.metric('custos_edge_errors_total')).toEqual({ 'overloaded,internal': 1 })
  })

  it('is ended for SETTINGS without end', async () => {
    const edge = await edgeBefore((_, response) => response.end())
    await flood(await rawHttp2(edge), () => frame(SETTINGS, 0, 0, Buffer.alloc(0)))
    await waitUntil('it is gone', () => edge.protocols.http2.openConnections === 0)
    expect(await edge.metric('custos_edge_errors_total')).toEqual({ 'overloaded,internal': 1 })
  })

  it('is ended for empty DATA without end', async () => {
    const edge = await edgeBefore((request) => void request.resume())
    const socket = await rawHttp2(edge)
    socket.write(frame(HEADERS, 4, 1, headerBlock()))
    const sent = await flood(socket, () => frame(DATA, 0, 1, Buffer.alloc(0)))
    await waitUntil('it is gone', () => edge.protocols.http2.openConnections === 0)
    expect(sent).toBeGreaterThan(0)
  })

  it('is ended for a header block without end', async () => {
    const edge = await edgeBefore((_, response) => response.end())
    const socket = await rawHttp2(edge)
    socket.write(frame(HEADERS, 1, 1, headerBlock()))
    // Literal fields without indexing, name and value of 100 bytes each.
    const part = Buffer.from([0x61])
    const field = Buffer.concat([
      Buffer.from([0x00, 100]),
      Buffer.alloc(100, part),
      Buffer.from([100]),
      Buffer.alloc(100, part),
    ])
    const sent = await flood(socket, () => frame(CONTINUATION, 0, 1, field))
    await waitUntil('it is gone', () => edge.protocols.http2.openConnections === 0)
    expect(sent).toBeGreaterThan(0)
  })

  it('gets no more streams at once than allowed', async () => {
    let requests = 0
    const edge = await edgeBefore(() => void requests++, { limits: { maxConcurrentStreams: 10 } })
    const socket = await rawHttp2(edge)
    const opening = Array.from({ length: 60 }, (_, i) =>
      frame(HEADERS, 5, 2 * i + 1, headerBlock()),
    )
    socket.write(Buffer.concat(opening))
    await waitUntil('the allowed ones are there', () => requests >= 10)
    await waitUntil('the metric agrees', async () => {
      return (await edge.metric('custos_edge_open_requests'))[''] === 10
    })
    expect(requests).toBe(10)
    socket.destroy()
  })

  it('has a request with too many or too long fields refused', async () => {
    const edge = await edgeBefore((_, response) => response.end('x'), {
      limits: { maxRequestHeaders: 50, maxRequestHeadBytes: 8192 },
    })
    using client = await http2Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    const many = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`x-${i}`, 'y']))
    await expect(client.request(many)).rejects.toThrow(/ENHANCE_YOUR_CALM|reset/)
    const refused = await client.request({ 'x-long': 'y'.repeat(20_000) }).then(
      ({ status }) => status,
      () => 'reset',
    )
    expect([431, 'reset']).toContain(refused)
  })

  it('is closed when idle, goodbye first', async () => {
    const edge = await edgeBefore((_, response) => response.end('x'), {
      limits: { http2IdleMs: 50 },
    })
    using client = await http2Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    const goodbye = once(client.session, 'goaway')
    expect((await goodbye)[0]).toBe(0)
    await waitUntil('it is gone', () => edge.protocols.http2.openConnections === 0)
  })

  it('is closed when it never speaks HTTP/2 at all', async () => {
    const edge = await edgeBefore((_, response) => response.end('x'))
    const socket = connectTls({
      host: '127.0.0.1',
      port: edge.tlsPort,
      servername: HOST,
      ca: certificates.ca,
      ALPNProtocols: ['h2'],
    })
    socket.on('error', () => {})
    socket.resume()
    socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    await new Promise((resolve) => socket.once('close', resolve))
    expect(edge.protocols.http2.openConnections).toBe(0)
  })
})
