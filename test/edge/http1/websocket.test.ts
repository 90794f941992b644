import { connect, type Socket } from 'node:net'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'

import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { exchangeRaw, readAll, statuses } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge, type HttpEdgeOptions } from '#test/http-edge.ts'
import { startOrigin, startRawOrigin, startWebSocketEcho, type Origin } from '#test/origin.ts'
import { waitUntil } from '#test/wait.ts'

let certificates: DevCertificates
const opened: AsyncDisposable[] = []
const sockets: Socket[] = []

beforeAll(async () => {
  certificates = await makeDevCertificates([HOST])
})

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function edgeFor(origin: Origin, options: HttpEdgeOptions = {}): Promise<HttpEdge> {
  const edge = await startHttpEdge({ origin: origin.origin, tls: certificates.ecdsa, ...options })
  opened.push(origin, edge)
  return edge
}

function webSocket(edge: HttpEdge): WebSocket {
  return new WebSocket(`wss://${HOST}:${edge.tlsPort}/chat`, {
    ca: certificates.ca,
    lookup: (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
  })
}

function next(socket: WebSocket, event: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve)
    if (event !== 'error') socket.once('error', reject)
  })
}

const HANDSHAKE =
  `GET /chat HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

describe('WebSocket', () => {
  it('carries messages both ways, small and large, over TLS', async () => {
    const edge = await edgeFor(await startWebSocketEcho())
    const socket = webSocket(edge)
    await next(socket, 'open')
    for (const size of [0, 5, 70_000, 3_000_000]) {
      const echoed = next(socket, 'message')
      socket.send(Buffer.alloc(size, 'm'))
      expect(((await echoed) as Buffer).length).toBe(size)
    }
    const closed = next(socket, 'close')
    socket.close(1000)
    await closed
    await waitUntil('it is logged', () => edge.accessLog.length === 1)
    expect(edge.accessLog[0]).toMatchObject({ status: 101, path: '/chat' })
    expect(edge.accessLog[0]?.['bytes_in']).toBeGreaterThan(3_000_000)
  })

  it('delivers what the client sent right behind its handshake', async () => {
    const origin = await startRawOrigin((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\r\nhello ')
      socket.removeAllListeners('data')
      socket.on('data', (chunk) => socket.end(`you said ${chunk.toString()}`))
    })
    const edge = await edgeFor(origin)
    const raw = await exchangeRaw(edge.plainPort, `${HANDSHAKE}\r\nearly`)
    expect(raw).toMatch(
      /^HTTP\/1.1 101 Switching Protocols\r\n[\s\S]*Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello you said early$/,
    )
  })

  it('passes a refusal on as an ordinary answer', async () => {
    const refusing = await startOrigin((_, response) => response.end(), {
      onUpgrade: (_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'),
    })
    const edge = await edgeFor(refusing)
    const raw = await exchangeRaw(edge.plainPort, `${HANDSHAKE}\r\n`)
    expect(raw).toMatch(/^HTTP\/1.1 403 Forbidden\r\n[\s\S]*Connection: close\r\n\r\nno$/)
  })

  it('passes an answer of unknown length on in chunks, so that its end can be seen', async () => {
    const origin = await startRawOrigin((socket) => {
      socket.end('HTTP/1.1 200 OK\r\n\r\nno tunnel here')
    })
    const edge = await edgeFor(origin)
    const raw = await exchangeRaw(edge.plainPort, `${HANDSHAKE}\r\n`)
    expect(raw).toMatch(
      /Transfer-Encoding: chunked[\s\S]*\r\n\r\ne\r\nno tunnel here\r\n0\r\n\r\n$/,
    )
  })

  it('answers 502 when the origin switches to something else, or unasked', async () => {
    const origin = await startRawOrigin((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n')
    })
    const edge = await edgeFor(origin)
    expect(statuses(await exchangeRaw(edge.plainPort, `${HANDSHAKE}\r\n`))).toEqual([502])
    const unasked = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`
    expect(statuses(await exchangeRaw(edge.plainPort, unasked))).toEqual([502])
  })

  it('does not take any other protocol for one, nor a handshake with a body', async () => {
    const seen: string[] = []
    const origin = await startRawOrigin((socket, head) => {
      seen.push(head)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    const edge = await edgeFor(origin)
    for (const rest of [
      'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
      'Connection: Upgrade, close\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi',
    ]) {
      const raw = await exchangeRaw(edge.plainPort, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n${rest}`)
      expect(statuses(raw)).toEqual([200])
    }
    expect(seen.join('')).not.toMatch(/upgrade|http2-settings/i)
  })

  it('is closed when nothing was sent for too long', async () => {
    const edge = await edgeFor(await startWebSocketEcho(), { limits: { tunnelIdleMs: 100 } })
    const socket = webSocket(edge)
    await next(socket, 'open')
    await next(socket, 'close')
    await waitUntil('it is logged', () => edge.accessLog.length === 1)
    expect(edge.accessLog[0]).toMatchObject({ error: 'tunnel_idle' })
  })

  it('holds a sender back whose other side does not read', async () => {
    const origin = await startRawOrigin((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n')
      socket.pause()
    })
    const edge = await edgeFor(origin, { limits: { tunnelIdleMs: 400 } })
    const socket = connect(edge.plainPort, '127.0.0.1')
    sockets.push(socket)
    const closed = readAll(socket)
    socket.on('error', () => {})
    socket.write(`${HANDSHAKE}\r\n`)
    const piece = Buffer.alloc(64 * 1024)
    const pump = setInterval(() => {
      while (!socket.destroyed && socket.write(piece));
    }, 5)
    await closed
    clearInterval(pump)
    await waitUntil('it is logged', () => edge.accessLog.length === 1)
    expect(edge.accessLog[0]?.['bytes_in']).toBeLessThan(32 * 1024 * 1024)
  })
})
