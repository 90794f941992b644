import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'

import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { http2Client, readStream, type Http2Client } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge, type HttpEdgeOptions } from '#test/http-edge.ts'
import {
  startOrigin,
  startRawOrigin,
  startWebSocketEcho,
  type Origin,
  type OriginHandler,
} from '#test/origin.ts'
import { aBinding } from '#test/test-binding.ts'
import { waitUntil } from '#test/wait.ts'

let certificates: DevCertificates
const opened: (AsyncDisposable | Disposable)[] = []

beforeAll(async () => {
  certificates = await makeDevCertificates([HOST])
})

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) {
    if (Symbol.asyncDispose in part) await part[Symbol.asyncDispose]()
    else part[Symbol.dispose]()
  }
})

async function edgeFor(origin: Origin, options: HttpEdgeOptions = {}): Promise<HttpEdge> {
  const edge = await startHttpEdge({ origin: origin.origin, tls: certificates.ecdsa, ...options })
  opened.push(origin, edge)
  return edge
}

async function edgeBefore(
  handler: OriginHandler,
  options: HttpEdgeOptions = {},
): Promise<HttpEdge> {
  return edgeFor(await startOrigin(handler), options)
}

async function dial(edge: HttpEdge): Promise<Http2Client> {
  const client = await http2Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
  opened.push(client)
  return client
}

async function resetCode(stream: ClientHttp2Stream): Promise<number> {
  stream.on('error', () => {})
  stream.resume()
  if (!stream.closed) await once(stream, 'close').catch(() => {})
  return stream.rstCode ?? 0
}

describe('HTTP/2 proxying', () => {
  it('carries many exchanges on one connection at once', async () => {
    const waiting: ServerResponse[] = []
    const edge = await edgeBefore((request, response) => {
      response.setHeader('x-path', request.url ?? '')
      waiting.push(response)
      if (waiting.length === 50) for (const each of waiting.toReversed()) each.end('body')
    })
    const client = await dial(edge)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => client.request({ ':path': `/${i}` })),
    )
    expect(answers.map(({ headers }) => headers['x-path'])).toEqual(
      Array.from({ length: 50 }, (_, i) => `/${i}`),
    )
    expect(edge.protocols.http2.openConnections).toBe(1)
    expect(await edge.metric('custos_edge_requests_total')).toMatchObject({ 'HTTP/2,2xx': 50 })
  })

  it('survives the names that an origin gives its fields and trailers', async () => {
    const odd = '__proto__: a\r\nconstructor: b\r\nhttp2-settings: c\r\nte: d\r\n'
    const early = `HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n${odd}\r\n`
    const origin = await startRawOrigin((socket) => {
      socket.write(`${early}HTTP/1.1 200 OK\r\n${odd}transfer-encoding: chunked\r\n\r\n`)
      socket.write(`2\r\nok\r\n0\r\n${odd}x-sum: 1\r\n\r\n`)
    })
    const edge = await edgeFor(origin)
    const binding = aBinding(HOST, { origin: origin.origin })
    edge.bindings.set(HOST, { ...binding, tls: { ...binding.tls, earlyHints: true } })
    const client = await dial(edge)
    const stream = client.session.request({ ':path': '/', ':authority': HOST, te: 'trailers' })
    const hints: string[] = []
    stream.on('headers', (_headers, _flags, raw: string[]) => hints.push(...raw))
    const answer = await readStream(stream)
    expect(answer).toMatchObject({ status: 200, body: 'ok', trailers: { 'x-sum': '1' } })
    expect(answer.headers['constructor']).toBe('b')
    expect(answer.headers['http2-settings']).toBeUndefined()
    expect(hints).toContain('link')
  })

  it('leaves out the content of a 205, which has none', async () => {
    const origin = await startRawOrigin((socket) => {
      socket.write('HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nok')
    })
    const client = await dial(await edgeFor(origin))
    const answer = await client.request({})
    expect(answer).toMatchObject({ status: 205, body: '', headers: { 'content-length': '0' } })
  })

  it('passes bodies, trailers and lengths both ways', async () => {
    const edge = await edgeBefore((request, response) => {
      let size = 0
      request.on('data', (piece: Buffer) => (size += piece.length))
      request.on('end', () => {
        response.writeHead(200, { Trailer: 'X-Sum' })
        response.write(`${size} bytes`)
        response.addTrailers({ 'X-Sum': String(request.trailers['x-up']) })
        response.end()
      })
    })
    const client = await dial(edge)
    const stream = client.session.request(
      { ':method': 'POST', ':path': '/', ':authority': HOST, te: 'trailers' },
      { waitForTrailers: true },
    )
    stream.once('wantTrailers', () =>
      stream.sendTrailers({ 'x-up': '42', 'x-forwarded-for': '6.6.6.6' }),
    )
    stream.end(Buffer.alloc(400_000))
    expect(await readStream(stream)).toMatchObject({
      status: 200,
      body: '400000 bytes',
      trailers: { 'x-sum': '42' },
    })
  })

  it('adds no body for HEAD, 204 and 304', async () => {
    const edge = await edgeBefore((request, response) => {
      if (request.url === '/204') response.writeHead(204).end()
      else if (request.url === '/304') response.writeHead(304).end()
      else response.writeHead(200, { 'Content-Length': 77 }).end()
    })
    const client = await dial(edge)
    const head = await client.request({ ':method': 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '', headers: { 'content-length': '77' } })
    expect(await client.request({ ':path': '/204' })).toMatchObject({ status: 204, body: '' })
    expect(await client.request({ ':path': '/304' })).toMatchObject({ status: 304, body: '' })
  })

  it('passes early hints on where the hostname has them, and 100 where it was asked for', async () => {
    const edge = await edgeBefore(
      (request, response) => {
        response.writeEarlyHints({ link: '</style.css>; rel=preload' })
        request.resume()
        request.on('end', () => response.end('x'))
      },
      { tlsBinding: { tls: { ...aBinding(HOST).tls, earlyHints: true } } },
    )
    const client = await dial(edge)
    const stream = client.open({ ':method': 'POST', expect: '100-continue' }, { endStream: false })
    const interim: unknown[] = []
    stream.on('headers', (headers) => interim.push(headers[':status'], headers['link']))
    stream.once('continue', () => stream.end('body'))
    expect((await readStream(stream)).status).toBe(200)
    expect(interim).toContain(103)
    expect(interim).toContain('</style.css>; rel=preload')
  })

  it('refuses other hosts with 421 and goes on with the rest', async () => {
    const edge = await edgeBefore((_, response) => response.end('x'))
    const client = await dial(edge)
    const misdirected = await client.request({ ':authority': 'other.test' })
    expect(misdirected.status).toBe(421)
    expect(misdirected.headers['x-custos-error']).toBe('misdirected')
    expect((await client.request()).status).toBe(200)
  })

  it('refuses methods and expectations that it cannot meet', async () => {
    const edge = await edgeBefore((_, response) => response.end('x'))
    const client = await dial(edge)
    const kindOf = async (headers: OutgoingHttpHeaders): Promise<unknown> =>
      (await client.request(headers)).headers['x-custos-error']
    expect(await kindOf({ ':method': 'TRACE' })).toBe('method_refused')
    expect(await kindOf({ expect: 'miracles' })).toBe('expectation_failed')
  })

  it('resets the stream when the origin breaks off, and keeps the connection', async () => {
    for (const framing of [
      'Content-Length: 100\r\n\r\n',
      'Transfer-Encoding: chunked\r\n\r\n4\r\n',
    ]) {
      const origin = await startRawOrigin((socket, _, nth) => {
        if (nth > 1) return void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        socket.write(`HTTP/1.1 200 OK\r\n${framing}part`)
        setTimeout(() => socket.destroy(), 20)
      })
      const client = await dial(await edgeFor(origin))
      const stream = client.open()
      expect(await resetCode(stream)).toBeGreaterThan(0)
      expect((await client.request()).body).toBe('ok')
    }
  })

  it('lets go of the origin when the client cancels', async () => {
    let closed = 0
    const edge = await edgeBefore((_, response) => {
      response.write('first')
      response.on('close', () => closed++)
    })
    const client = await dial(edge)
    const stream = client.open()
    await once(stream, 'data')
    stream.close(8)
    await waitUntil('the origin saw it', () => closed === 1)
    await waitUntil('it was logged', () => edge.accessLog.length === 1)
    expect(edge.accessLog[0]).toMatchObject({ error: 'client_closed', protocol: 'HTTP/2' })
  })

  it('asks a client to stop sending once it has the answer', async () => {
    const edge = await edgeBefore((_, response) => response.writeHead(403).end('no'))
    const client = await dial(edge)
    const stream = client.open({ ':method': 'POST' }, { endStream: false })
    stream.write('some')
    expect(await readStream(stream)).toMatchObject({ status: 403, body: 'no' })
    expect(stream.rstCode).toBe(0)
  })

  it('holds the origin back while one stream is not read, and serves the others', async () => {
    let written = 0
    const edge = await edgeBefore((request, response) => {
      if (request.url === '/small') return void response.end('small')
      const piece = Buffer.alloc(64 * 1024)
      const send = (): void => {
        while (!response.destroyed && written < 200_000_000) {
          written += piece.length
          if (!response.write(piece)) return void response.once('drain', send)
        }
      }
      send()
    })
    const client = await dial(edge)
    const stuck = client.open({ ':path': '/big' })
    await once(stuck, 'response')
    let before = -1
    await waitUntil('the origin is held back', async () => {
      const isStill = written === before
      before = written
      await client.request({ ':path': '/small' })
      return isStill
    })
    expect(written).toBeLessThan(32 * 1024 * 1024)
    stuck.on('error', () => {})
    stuck.close()
  })
})

describe('WebSocket over HTTP/2', () => {
  const CONNECT = { ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13' }

  it('is offered, and carries bytes both ways', async () => {
    const edge = await edgeFor(await startWebSocketEcho())
    const client = await dial(edge)
    expect(client.session.remoteSettings.enableConnectProtocol).toBe(true)
    const stream = client.open({ ...CONNECT, ':scheme': 'https' }, { endStream: false })
    const [headers] = await once(stream, 'response')
    expect(headers[':status']).toBe(200)
    expect(headers).not.toHaveProperty('sec-websocket-accept')
    // A masked text frame "hi" with a zero mask (RFC 6455 section 5.2), and its echo.
    stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
    const [echo] = await once(stream, 'data')
    expect([...(echo as Buffer)]).toEqual([0x81, 0x02, 0x68, 0x69])
    stream.close()
  })

  it('is refused where the origin’s proof is wrong', async () => {
    const origin = await startRawOrigin((socket) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bm8=\r\n\r\n',
      )
    })
    const client = await dial(await edgeFor(origin))
    const stream = client.open({ ...CONNECT, ':scheme': 'https' }, { endStream: false })
    const [headers] = await once(stream, 'response')
    expect(headers[':status']).toBe(502)
    stream.close()
  })

  it('is refused for CONNECT without or with another protocol', async () => {
    const client = await dial(await edgeFor(await startWebSocketEcho()))
    const tunnel = client.session.request({ ':method': 'CONNECT', ':authority': HOST })
    const [plain] = await once(tunnel, 'response')
    expect(plain[':status']).toBe(501)
    tunnel.close()
    const other = client.open(
      { ...CONNECT, ':protocol': 'connect-udp', ':scheme': 'https' },
      { endStream: false },
    )
    const [headers] = await once(other, 'response')
    expect(headers[':status']).toBe(501)
    other.close()
  })
})

describe('draining HTTP/2', () => {
  it('says goodbye, lets streams end, and takes no more', async () => {
    let waiting: ServerResponse | undefined
    const edge = await edgeBefore((_, response) => {
      waiting = response
    })
    const client = await dial(edge)
    const goodbye = once(client.session, 'goaway')
    const answer = client.request()
    await waitUntil('the origin was asked', () => waiting !== undefined)
    const drained = edge.protocols.http2.drain(new AbortController().signal)
    expect((await goodbye)[0]).toBe(0)
    waiting?.end('late')
    expect((await answer).body).toBe('late')
    await drained
    expect(edge.protocols.http2.openConnections).toBe(0)
  })

  it('ends what is left when told to', async () => {
    const edge = await edgeBefore(() => {})
    const client = await dial(edge)
    const answer = client.request()
    answer.catch(() => {})
    await waitUntil('it is there', async () => {
      return (await edge.metric('custos_edge_open_requests'))[''] === 1
    })
    await edge.protocols.http2.drain(AbortSignal.abort())
    await expect(answer).rejects.toThrow(/cancel|close|reset/i)
    expect(edge.protocols.http2.openConnections).toBe(0)
  })
})
