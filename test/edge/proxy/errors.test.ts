import { once } from 'node:events'
import { createServer } from 'node:net'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'

import { DirectoryError } from '#directory/directory.ts'
import type { Binding } from '#domain/binding.ts'
import type { BindingLookup } from '#edge/connection.ts'
import type { ProxyErrorKind } from '#edge/error.ts'
import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { http1Client, type Answer, type RequestOptions } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge, type HttpEdgeOptions } from '#test/http-edge.ts'
import { closedPort, startOrigin, startRawOrigin, type Origin } from '#test/origin.ts'
import { aBinding } from '#test/test-binding.ts'
import { waitUntil } from '#test/wait.ts'

let certificates: DevCertificates
const opened: AsyncDisposable[] = []

beforeAll(async () => {
  certificates = await makeDevCertificates([HOST])
})

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function edgeWith(options: HttpEdgeOptions): Promise<HttpEdge> {
  const edge = await startHttpEdge({ tls: certificates.ecdsa, ...options })
  opened.push(edge)
  return edge
}

async function replying(reply: string, end = true): Promise<Origin> {
  const origin = await startRawOrigin((socket) => {
    if (end) socket.end(reply, 'latin1')
    else socket.write(reply, 'latin1')
  })
  opened.push(origin)
  return origin
}

async function ask(edge: HttpEdge, options: RequestOptions = {}): Promise<Answer> {
  using client = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
  return await client.request(options)
}

function anError(status: number, kind: ProxyErrorKind): unknown {
  return expect.objectContaining({
    status,
    headers: expect.objectContaining({
      'x-custos-error': kind,
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'cache-control': 'no-store',
    }),
  })
}

describe('an origin that cannot be reached', () => {
  it('is 502 upstream_refused where nothing listens, and does not tell where', async () => {
    const port = await closedPort()
    const edge = await edgeWith({
      origin: { scheme: 'http', host: '127.0.0.1', port, serverName: undefined },
    })
    const answer = await ask(edge)
    expect(answer).toEqual(anError(502, 'upstream_refused'))
    expect(answer.body).not.toMatch(new RegExp(`127\\.0\\.0\\.1|${port}|ECONN`))
    expect(await edge.metric('custos_edge_errors_total')).toEqual({
      'upstream_refused,upstream': 1,
    })
    expect(await edge.metric('custos_edge_requests_total')).toMatchObject({ 'HTTP/1.1,5xx': 1 })
  })

  it('is 502 upstream_dns where the name has no address', async () => {
    const lookup: HttpEdgeOptions['lookup'] = (_host, _options, callback) => {
      callback(
        Object.assign(new Error('no such name'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
        '',
      )
    }
    const edge = await edgeWith({
      lookup,
      origin: { scheme: 'http', host: 'gone.test', port: 80, serverName: undefined },
    })
    expect(await ask(edge)).toEqual(anError(502, 'upstream_dns'))
  })

  it('is 504 upstream_connect_timeout where no answer comes', async () => {
    const edge = await edgeWith({
      lookup: () => {}, // a resolver that never answers
      origin: { scheme: 'http', host: 'slow.test', port: 80, serverName: undefined },
      limits: { connectMs: 50 },
    })
    expect(await ask(edge)).toEqual(anError(504, 'upstream_connect_timeout'))
  })

  it('is 504 upstream_tls_timeout where the handshake does not end', async () => {
    const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const address = silent.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    const edge = await edgeWith({
      origin: { scheme: 'https', host: '127.0.0.1', port, serverName: 'o.test' },
      limits: { originTlsMs: 50 },
    })
    expect(await ask(edge)).toEqual(anError(504, 'upstream_tls_timeout'))
    silent.close()
  })

  it('is 502 upstream_tls where the other side does not speak TLS', async () => {
    const origin = await replying('HTTP/1.1 400 Bad Request\r\n\r\n')
    const plain = await startOrigin((_, response) => response.end())
    opened.push(plain)
    const edge = await edgeWith({
      origin: { ...origin.origin, port: plain.port, scheme: 'https', serverName: 'o.test' },
    })
    expect(await ask(edge)).toEqual(anError(502, 'upstream_tls'))
  })

  it('is 503 upstream_busy where too many wait already', async () => {
    const origin = await replying('', false)
    const edge = await edgeWith({
      origin: origin.origin,
      limits: { maxOriginConnections: 1, maxOriginWaiting: 1, connectMs: 100, originTlsMs: 100 },
    })
    const first = ask(edge, { path: '/1' }).catch(() => undefined)
    await waitUntil('the first is there', () => origin.open === 1)
    const [second, third] = await Promise.all([ask(edge), ask(edge)])
    expect(second).toEqual(anError(503, 'upstream_busy'))
    expect(third).toEqual(anError(503, 'upstream_busy'))
    expect(third.headers['retry-after']).toBe('5')
    expect(origin.connections).toBe(1)
    for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
    await first
  })
})

const MALFORMED: Record<string, string> = {
  'no HTTP': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
  'another version': 'HTTP/2 200 OK\r\n\r\n',
  'a status out of range': 'HTTP/1.1 700 No\r\n\r\n',
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  'a bad length': 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
  'length and chunks':
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'an unknown coding': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a bare LF': 'HTTP/1.1 200 OK\nX: y\r\n\r\n',
  'a bare CR in a value': 'HTTP/1.1 200 OK\r\nX: y\rSet-Cookie: evil=1\r\n\r\n',
  'a folded field': 'HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n',
  'white space before a colon': 'HTTP/1.1 200 OK\r\nX : y\r\n\r\n',
  'a control character': 'HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n',
  'a head without end': `HTTP/1.1 200 OK\r\n${'X: yyyyyyyyyyyyyyyy\r\n'.repeat(5000)}`,
  'informational responses without end': 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100),
}

describe('an origin that answers wrongly', () => {
  for (const [what, reply] of Object.entries(MALFORMED)) {
    it(`is 502 upstream_bad_response: ${what}`, async () => {
      const origin = await replying(reply, false)
      const edge = await edgeWith({ origin: origin.origin })
      const answer = await ask(edge)
      expect(answer).toEqual(anError(502, 'upstream_bad_response'))
      expect(answer.headers).not.toHaveProperty('set-cookie')
    })
  }

  it('is 502 upstream_closed where it closes without a word, or within the head', async () => {
    for (const reply of ['', 'HTTP/1.1 200 O']) {
      const origin = await replying(reply)
      expect(await ask(await edgeWith({ origin: origin.origin }))).toEqual(
        anError(502, 'upstream_closed'),
      )
    }
  })

  it('is 504 upstream_head_timeout where it does not answer', async () => {
    const origin = await replying('', false)
    const edge = await edgeWith({ origin: origin.origin, limits: { responseHeadMs: 50 } })
    expect(await ask(edge)).toEqual(anError(504, 'upstream_head_timeout'))
    await waitUntil('it is let go', () => origin.open === 0)
  })

  it('breaks the answer off where its body stops coming', async () => {
    const origin = await replying('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', false)
    const edge = await edgeWith({ origin: origin.origin, limits: { responseBodyIdleMs: 50 } })
    await expect(ask(edge)).rejects.toThrow(/aborted|hang up/)
    await waitUntil('it was logged', () => edge.accessLog.length === 1)
    expect(edge.accessLog[0]).toMatchObject({ status: 200, error: 'upstream_body_timeout' })
  })

  it('is 504 upstream_send_timeout where it takes no body', async () => {
    const origin = await startRawOrigin((socket) => socket.pause())
    opened.push(origin)
    const edge = await edgeWith({ origin: origin.origin, limits: { originSendMs: 100 } })
    using client = http1Client({ port: edge.plainPort, host: HOST })
    const answer = await client.request({ method: 'POST', body: Buffer.alloc(30_000_000) })
    expect(answer).toEqual(anError(504, 'upstream_send_timeout'))
  })

  it('never lets a response that nobody asked for answer the next request', async () => {
    const origin = await startRawOrigin((socket, _, nth) => {
      const body = `answer ${nth}`
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
    })
    opened.push(origin)
    const edge = await edgeWith({ origin: origin.origin })
    for (const nth of [1, 2, 3]) expect((await ask(edge)).body).toBe(`answer ${nth}`)
  })
})

describe('a host that cannot be served', () => {
  const unavailable: BindingLookup = {
    async find() {
      throw new DirectoryError('unavailable', 'away')
    },
  }

  it('is 404 where the name is unknown, also after a look-up', async () => {
    expect(await ask(await edgeWith({ lookup_: { find: () => undefined } }))).toEqual(
      anError(404, 'unknown_host'),
    )
    const later = { find: async () => undefined }
    expect(await ask(await edgeWith({ lookup_: later }))).toEqual(anError(404, 'unknown_host'))
  })

  it('is 503 where it is not ready, or has no origin', async () => {
    const find = (binding: Binding): BindingLookup => ({ find: () => binding })
    const missing = await edgeWith({ lookup_: find(aBinding(HOST, { missing: ['a CNAME'] })) })
    expect(await ask(missing)).toEqual(anError(503, 'not_ready'))
    const orphan = await edgeWith({ lookup_: find(aBinding(HOST, { origin: undefined })) })
    expect(await ask(orphan)).toEqual(anError(503, 'no_origin'))
  })

  it('is still served from the handshake’s binding while the directory is away', async () => {
    const origin = await replying('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale')
    const edge = await edgeWith({ origin: origin.origin, lookup_: unavailable })
    expect(await ask(edge)).toMatchObject({ status: 200, body: 'stale' })
    using plain = http1Client({ port: edge.plainPort, host: HOST })
    expect(await plain.request()).toEqual(anError(503, 'directory_unavailable'))
  })

  it('is 500, and nothing of it shown, where we fail', async () => {
    const lookup_: BindingLookup = {
      find() {
        throw new Error('secret detail')
      },
    }
    const answer = await ask(await edgeWith({ lookup_ }))
    expect(answer).toEqual(anError(500, 'internal'))
    expect(answer.body).not.toContain('secret')
  })
})

describe('a host that this connection’s certificate does not cover', () => {
  it('is 421, whether it is known or not, and an IP address too', async () => {
    const edge = await edgeWith({})
    edge.bindings.set('other.test', aBinding('other.test'))
    for (const host of ['other.test', 'unknown.test', `sub.${HOST}`, '127.0.0.1', '[::1]:443']) {
      expect(await ask(edge, { headers: { Host: host } })).toEqual(anError(421, 'misdirected'))
    }
  })

  it('is routed by its own binding where a wildcard covers it', async () => {
    const origin = await replying('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nby-me')
    const edge = await edgeWith({ tlsBinding: { wildcard: true } })
    edge.bindings.set(`sub.${HOST}`, aBinding(`sub.${HOST}`, { origin: origin.origin }))
    expect((await ask(edge, { headers: { Host: `sub.${HOST}` } })).body).toBe('by-me')
    expect(await ask(edge, { headers: { Host: `a.b.${HOST}` } })).toEqual(
      anError(421, 'misdirected'),
    )
  })
})

describe('the error page', () => {
  it('is JSON for programs, a page for browsers, and nothing for HEAD', async () => {
    const edge = await edgeWith({ lookup_: { find: () => undefined } })
    const json = await ask(edge, { headers: { Accept: 'application/json' } })
    expect(json.headers['content-type']).toBe('application/json')
    expect(JSON.parse(json.body)).toEqual({
      error: 'unknown_host',
      status: 404,
      title: 'Unknown host',
      message: 'This host is not served here.',
      request_id: json.headers['x-request-id'],
    })
    const page = await ask(edge, { headers: { Accept: 'text/html,application/json;q=0.5' } })
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.body).toContain('<h1>404 Unknown host</h1>')
    const head = await ask(edge, { method: 'HEAD' })
    expect(head).toMatchObject({ status: 404, body: '' })
    expect(Number(head.headers['content-length'])).toBe(page.body.length)
  })
})
