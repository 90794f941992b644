import { once } from 'node:events'
import { connect } from 'node:net'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'

import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { exchangeRaw, http1Client, readAnswer, statuses } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge, type HttpEdgeOptions } from '#test/http-edge.ts'
import {
  startOrigin,
  startRawOrigin,
  type Origin,
  type OriginHandler,
  type OriginOptions,
} from '#test/origin.ts'
import { waitUntil } from '#test/wait.ts'

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
  options: HttpEdgeOptions & OriginOptions = {},
): Promise<{ edge: HttpEdge; origin: Origin }> {
  const { onExpectation, onUpgrade, ...rest } = options
  const origin = await startOrigin(handler, {
    ...(onExpectation && { onExpectation }),
    ...(onUpgrade && { onUpgrade }),
  })
  return { edge: await edgeFor(origin, rest), origin }
}

async function edgeFor(origin: Origin, options: HttpEdgeOptions = {}): Promise<HttpEdge> {
  opened.push(origin)
  const edge = await startHttpEdge({ origin: origin.origin, tls: certificates.ecdsa, ...options })
  opened.push(edge)
  return edge
}

describe('HTTP/1.1 proxying', () => {
  it('answers from the origin over TLS, on one connection each side', async () => {
    const { edge, origin } = await edgeBefore((request, response) => {
      response.writeHead(200, 'Fine', { 'X-Origin': 'yes', 'Set-Cookie': ['a=1', 'b=2'] })
      response.end(`${request.method} ${request.url} ${request.headers.host}`)
    })
    using client = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    for (let i = 0; i < 3; i++) {
      const answer = await client.request({ path: `/p?q=${i}` })
      expect(answer).toMatchObject({ status: 200, reason: 'Fine', body: `GET /p?q=${i} ${HOST}` })
      expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
      expect(answer.headers['x-origin']).toBe('yes')
    }
    expect(origin.connections).toBe(1)
    expect(edge.protocols.http1.openConnections).toBe(1)
  })

  it('passes request bodies of a stated and of an unknown length', async () => {
    const { edge } = await edgeBefore(async (request, response) => {
      let size = 0
      for await (const piece of request) size += (piece as Buffer).length
      response.end(
        `${size} ${request.headers['content-length'] ?? request.headers['transfer-encoding']}`,
      )
    })
    using client = http1Client({ port: edge.plainPort, host: HOST })
    const counted = await client.request({
      method: 'POST',
      headers: { 'Content-Length': '300000' },
      body: Buffer.alloc(300_000, 'x'),
    })
    expect(counted.body).toBe('300000 300000')
    const chunked = await client.open({
      method: 'POST',
      headers: { 'Transfer-Encoding': 'chunked' },
      write: (request) => {
        for (let i = 0; i < 10; i++) request.write(Buffer.alloc(10_000, 'y'))
        request.end()
      },
    })
    expect((await readAnswer(chunked)).body).toBe('100000 chunked')
  })

  it('keeps lengths and adds no body for HEAD, 204 and 304', async () => {
    const { edge, origin } = await edgeBefore((request, response) => {
      if (request.url === '/204') response.writeHead(204).end()
      else if (request.url === '/304') response.writeHead(304, { ETag: '"x"' }).end()
      else response.writeHead(200, { 'Content-Length': '1234' }).end()
    })
    using client = http1Client({ port: edge.plainPort, host: HOST })
    const head = await client.request({ method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(head.headers['content-length']).toBe('1234')
    const noContent = await client.request({ path: '/204' })
    expect(noContent).toMatchObject({ status: 204, body: '' })
    expect(noContent.headers).not.toHaveProperty('transfer-encoding')
    const notModified = await client.request({ path: '/304' })
    expect(notModified).toMatchObject({ status: 304, body: '', headers: { etag: '"x"' } })
    expect(origin.connections).toBe(1)
  })

  it('passes trailers both ways', async () => {
    const { edge } = await edgeBefore((request, response) => {
      request.resume()
      request.on('end', () => {
        response.writeHead(200, { Trailer: 'X-Sum' })
        response.write('body')
        const { 'x-up': up, 'x-forwarded-for': forged } = request.trailers
        response.addTrailers({ 'X-Sum': `${up} ${forged}` })
        response.end()
      })
    })
    const raw = await exchangeRaw(
      edge.plainPort,
      `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n` +
        `3\r\nabc\r\n0\r\nX-Up: 42\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n`,
    )
    expect(raw).toContain('\r\n0\r\nX-Sum: 42 undefined\r\n\r\n')
  })

  it('answers an HTTP/1.0 client without chunks', async () => {
    const { edge } = await edgeBefore((_, response) => {
      response.write('some')
      response.end('thing')
    })
    const raw = await exchangeRaw(edge.plainPort, `GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`)
    expect(raw).toMatch(/Connection: close\r\n(.+\r\n)*\r\nsomething$/)
    expect(raw).not.toMatch(/transfer-encoding/i)
  })

  it('answers pipelined requests in order, one at a time', async () => {
    let running = 0
    let most = 0
    const { edge } = await edgeBefore((request, response) => {
      most = Math.max(most, ++running)
      setImmediate(() => {
        running--
        response.end(`<${request.url}>`)
      })
    })
    const requests = [1, 2, 3].map((i) => `GET /${i} HTTP/1.1\r\nHost: ${HOST}\r\n`)
    const raw = await exchangeRaw(
      edge.plainPort,
      `${requests.join('\r\n')}Connection: close\r\n\r\n`,
    )
    expect(raw.match(/<\/\d>/g)).toEqual(['</1>', '</2>', '</3>'])
    expect(most).toBe(1)
  })

  it('stops reading from a client that sends requests ahead without end', async () => {
    const { edge } = await edgeBefore(() => {})
    const socket = connect(edge.plainPort, '127.0.0.1')
    const request = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`
    const ahead = request.repeat(20_000)
    let isTaken = true
    // Loopback buffers grow to a few MB: what goes on beyond them would be held by us.
    while (isTaken && socket.bytesWritten < 64 * 1024 * 1024) {
      isTaken = await Promise.race([
        new Promise<boolean>((resolve) => socket.write(ahead, () => resolve(true))),
        new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 200)),
      ])
    }
    socket.destroy()
    expect(isTaken).toBe(false)
  })

  it('accepts a target in absolute form for its own host only', async () => {
    const { edge } = await edgeBefore((request, response) => response.end(`url ${request.url}`))
    const ask = (target: string): Promise<string> =>
      exchangeRaw(
        edge.plainPort,
        `GET ${target} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`,
      )
    expect(await ask(`http://${HOST}/a?b`)).toContain('url /a?b')
    expect(await ask(`http://${HOST}?b`)).toContain('url /?b')
    expect(await ask('http://other.test/a')).toMatch(
      /^HTTP\/1.1 400 [\s\S]*X-Custos-Error: bad_host/,
    )
    expect(await ask(`https://${HOST}/`)).toMatch(/^HTTP\/1.1 421 /)
    expect(await ask('*')).toMatch(/^HTTP\/1.1 400 /)
  })

  it('refuses CONNECT and TRACE', async () => {
    const { edge, origin } = await edgeBefore((_, response) => response.end())
    for (const line of [`CONNECT ${HOST}:443`, 'TRACE /']) {
      const raw = await exchangeRaw(
        edge.plainPort,
        `${line} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`,
      )
      expect(raw).toMatch(/^HTTP\/1.1 501 [\s\S]*X-Custos-Error: method_refused/)
    }
    expect(origin.connections).toBe(0)
  })
})

describe('Expect: 100-continue', () => {
  const head = `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n`

  it('passes the origin’s consent on before the body is sent', async () => {
    const { edge } = await edgeBefore((request, response) => {
      request.on('data', (piece: Buffer) => response.end(`got ${piece.toString()}`))
    })
    const socket = connect(edge.plainPort, '127.0.0.1')
    socket.write(`${head}Connection: close\r\n\r\n`)
    const [interim] = await once(socket, 'data')
    expect(String(interim)).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('body')
    const [final] = await once(socket, 'data')
    expect(String(final)).toMatch(/^HTTP\/1.1 200 OK[\s\S]*got body$/)
    socket.destroy()
  })

  it('passes the origin’s refusal on, and does not use the connection again', async () => {
    const { edge } = await edgeBefore(() => {}, {
      onExpectation: (_, response) => response.writeHead(403).end('no'),
    })
    const raw = await exchangeRaw(edge.plainPort, `${head}\r\n`)
    expect(statuses(raw)).toEqual([403])
    expect(raw).toMatch(/connection: close/i)
  })

  it('refuses any other expectation', async () => {
    const { edge, origin } = await edgeBefore((_, response) => response.end())
    const raw = await exchangeRaw(
      edge.plainPort,
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\nExpect: miracles\r\nConnection: close\r\n\r\n`,
    )
    expect(raw).toMatch(/^HTTP\/1.1 417 /)
    expect(origin.connections).toBe(0)
  })
})

describe('responses and requests that end early', () => {
  it('passes an answer on while the request body is still coming', async () => {
    const { edge } = await edgeBefore((_, response) => response.writeHead(413).end('too much'))
    using client = http1Client({ port: edge.plainPort, host: HOST })
    let stop = (): void => {}
    const response = await client.open({
      method: 'POST',
      headers: { 'Transfer-Encoding': 'chunked' },
      write: (request) => {
        const timer = setInterval(() => request.write('x'), 5)
        stop = () => {
          clearInterval(timer)
          request.end()
        }
      },
    })
    expect(await readAnswer(response)).toMatchObject({ status: 413, body: 'too much' })
    stop()
    expect((await client.request()).status).toBe(413)
  })

  it('cuts a client off that goes on sending after the answer', async () => {
    const { edge } = await edgeBefore((_, response) => response.writeHead(403).end(), {
      limits: { lingerBytes: 100_000 },
    })
    const socket = connect(edge.plainPort, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 100000000\r\n\r\n`)
    const timer = setInterval(() => socket.write(Buffer.alloc(50_000)), 1)
    await new Promise((resolve) => socket.once('close', resolve)) // perhaps by a reset
    clearInterval(timer)
    expect(socket.bytesWritten).toBeLessThan(100_000_000)
  })

  it('lets go of the origin when the client goes away', async () => {
    let wasCancelled = false
    const { edge } = await edgeBefore((_, response) => {
      response.write('first')
      response.on('close', () => {
        wasCancelled = true
      })
    })
    using client = http1Client({ port: edge.plainPort, host: HOST })
    const response = await client.open()
    await once(response, 'data')
    response.destroy()
    await waitUntil('the origin saw the end', () => wasCancelled)
    await waitUntil('it was logged', () => edge.accessLog.length === 1)
    expect(edge.accessLog[0]).toMatchObject({ error: 'client_closed', status: 200, bytes_out: 5 })
  })

  for (const [what, head, tail] of [
    ['of a stated length', 'Content-Length: 100', 'part'],
    ['in chunks', 'Transfer-Encoding: chunked', '4\r\npart\r\n'],
    ['in a broken chunk', 'Transfer-Encoding: chunked', '4\r\nparts'],
  ] as const) {
    it(`breaks off when the origin dies in a body ${what}`, async () => {
      const origin = await startRawOrigin((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${tail}`)
        setTimeout(() => socket.destroy(), 30)
      })
      const edge = await edgeFor(origin)
      using client = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
      await expect(client.request()).rejects.toThrow(/aborted|hang up|reset/i)
      await waitUntil('it was logged', () => edge.accessLog.length === 1)
      expect(edge.accessLog[0]?.['error']).toMatch(/upstream_(truncated|bad_response)/)
    })
  }
})
