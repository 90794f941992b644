import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { exchangeRaw, http1Client, http2Client, type RequestOptions } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge } from '#test/http-edge.ts'
import { startRawOrigin, type Origin } from '#test/origin.ts'

let certificates: DevCertificates
let origin: Origin
let edge: HttpEdge
let seen = ''
let reply = ''

beforeAll(async () => {
  certificates = await makeDevCertificates([HOST])
  origin = await startRawOrigin((socket, head) => {
    seen = head
    socket.write(reply)
  })
  edge = await startHttpEdge({
    origin: origin.origin,
    tls: certificates.ecdsa,
    via: 'edge-1',
    loopId: 'deployment-7',
  })
})

afterAll(async () => {
  await edge[Symbol.asyncDispose]()
  await origin[Symbol.asyncDispose]()
})

beforeEach(() => {
  seen = ''
  reply = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
})

/** The lines of the head that the origin saw, for a request over TLS. */
async function ask(options: RequestOptions = {}): Promise<string[]> {
  using client = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
  await client.request(options)
  return seen.trimEnd().split('\r\n')
}

function line(lines: string[], name: string): string[] {
  return lines.filter((text) => text.toLowerCase().startsWith(`${name.toLowerCase()}:`))
}

describe('what the origin is told', () => {
  it('sees who asked, how, and through whom', async () => {
    const lines = await ask({ path: '/a?b=c', headers: { 'X-Own': 'value' } })
    expect(lines.slice(0, 2)).toEqual(['GET /a?b=c HTTP/1.1', `Host: ${HOST}`])
    expect(lines).toEqual(
      expect.arrayContaining([
        'X-Own: value',
        'X-Forwarded-For: 127.0.0.1',
        'X-Forwarded-Proto: https',
        `X-Forwarded-Host: ${HOST}`,
        `Forwarded: for=127.0.0.1;host="${HOST}";proto=https`,
        'Via: 1.1 edge-1',
        'CDN-Loop: deployment-7',
        'CF-Connecting-IP: 127.0.0.1',
        'CF-Visitor: {"scheme":"https"}',
      ]),
    )
    expect(line(lines, 'x-request-id')[0]).toMatch(/^X-Request-Id: [0-9a-f-]{36}$/)
    expect(line(lines, 'connection')).toEqual([])
  })

  it('keeps the port that the client named in Host', async () => {
    const lines = await ask({ headers: { Host: `${HOST}:8443` } })
    expect(lines).toContain(`Host: ${HOST}:8443`)
    expect(lines).toContain(`X-Forwarded-Host: ${HOST}:8443`)
  })

  it('appends to what earlier proxies said', async () => {
    const lines = await ask({
      headers: {
        'x-forwarded-for': ['1.1.1.1', '2.2.2.2'],
        Forwarded: 'for=1.1.1.1',
        Via: '1.0 first',
        'cdn-loop': 'other; v=1',
      },
    })
    expect(line(lines, 'x-forwarded-for')).toEqual(['X-Forwarded-For: 1.1.1.1, 2.2.2.2, 127.0.0.1'])
    expect(line(lines, 'forwarded')).toEqual([
      `Forwarded: for=1.1.1.1, for=127.0.0.1;host="${HOST}";proto=https`,
    ])
    expect(line(lines, 'via')).toEqual(['Via: 1.0 first, 1.1 edge-1'])
    expect(line(lines, 'cdn-loop')).toEqual(['CDN-Loop: other; v=1, deployment-7'])
  })

  it('never passes on what a client says in our name', async () => {
    const forged = {
      'X-Forwarded-Proto': 'gopher',
      'X-Forwarded-Host': 'evil.test',
      'X-Forwarded-Port': '1',
      'X-Real-IP': '6.6.6.6',
      X_Real_IP: '6.6.6.6',
      X_Forwarded_For: '6.6.6.6',
      x_forwarded_proto: 'gopher',
      CF_Connecting_IP: '6.6.6.6',
      'X-Request_Id': 'forged',
      'True-Client-IP': '6.6.6.6',
      'CF-Connecting-IP': '6.6.6.6',
      'cf-visitor': '{"scheme":"evil"}',
      'CF-IPCountry': 'XX',
      'CF-Ray': 'evil',
      'X-Custos-Anything': 'evil',
    }
    const lines = await ask({ headers: forged })
    expect(lines.join('\n')).not.toMatch(/6\.6\.6\.6|evil|gopher|X-Forwarded-Port|CF-IPCountry/i)
    for (const name of [
      'x-forwarded-proto',
      'x-forwarded-host',
      'cf-connecting-ip',
      'cf-visitor',
    ]) {
      expect(line(lines, name)).toHaveLength(1)
    }
  })

  it('drops fields of the connection, and those that Connection names', async () => {
    const lines = await ask({
      headers: {
        Connection: 'keep-alive, X-Secret, x-other',
        'Keep-Alive': 'timeout=5',
        'Proxy-Connection': 'keep-alive',
        'Proxy-Authorization': 'Basic eA==',
        TE: 'gzip',
        'X-Secret': '1',
        'X-Other': '2',
        'X-Kept': '3',
      },
    })
    expect(lines.join('\n')).not.toMatch(/x-secret|x-other|keep-alive|proxy-|^te:/im)
    expect(lines).toContain('X-Kept: 3')
  })

  it('keeps a sane X-Request-Id and replaces any other', async () => {
    expect(await ask({ headers: { 'X-Request-Id': 'abc-123.4' } })).toContain(
      'X-Request-Id: abc-123.4',
    )
    for (const bad of ['', '<script>', 'a b', 'x'.repeat(200), '-leading']) {
      const [id = ''] = line(await ask({ headers: { 'X-Request-Id': bad } }), 'x-request-id')
      expect(id).toMatch(/^X-Request-Id: [0-9a-f-]{36}$/)
    }
  })

  it('is asked the same by an HTTP/2 client, its cookies in one field', async () => {
    using client = await http2Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    await client.request({ ':path': '/two', cookie: ['a=1', 'b=2'], 'x-own': 'v' })
    const lines = seen.trimEnd().split('\r\n')
    expect(lines.slice(0, 2)).toEqual(['GET /two HTTP/1.1', `Host: ${HOST}`])
    expect(line(lines, 'cookie')).toEqual(['cookie: a=1; b=2'])
    expect(line(lines, 'via')).toEqual(['Via: 2 edge-1'])
    expect(lines).toContain('x-own: v')
  })
})

describe('what the client is told', () => {
  it('gets the origin’s fields, the way, and the request’s id', async () => {
    reply =
      'HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nVia: 1.1 inner\r\nServer: o\r\nContent-Length: 0\r\n\r\n'
    using client = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    const { headers } = await client.request({ headers: { 'X-Request-Id': 'mine' } })
    expect(headers).toMatchObject({
      'x-a': '1, 2',
      via: '1.1 inner, 1.1 edge-1',
      'x-request-id': 'mine',
      server: 'o',
    })
  })

  it('does not get fields of our connection to the origin, or what only we may say', async () => {
    reply =
      'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=60\r\n' +
      'Proxy-Authenticate: Basic\r\nX-Custos-Error: forged\r\nX-Accel-Redirect: /secret\r\n' +
      'X-Request-Id: theirs\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n'
    using client = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    const { headers } = await client.request({ headers: { 'X-Request-Id': 'mine' } })
    for (const name of [
      'x-hop',
      'proxy-authenticate',
      'x-custos-error',
      'x-accel-redirect',
      'upgrade',
    ]) {
      expect(headers).not.toHaveProperty(name)
    }
    expect(headers['x-request-id']).toBe('mine')
    expect(headers['keep-alive']).not.toBe('timeout=60')
  })

  it('keeps bytes of header values as they are', async () => {
    reply = 'HTTP/1.1 200 OK\r\nX-Latin: caf\xe9\r\nContent-Length: 0\r\n\r\n'
    const origin1 = await startRawOrigin((socket) => socket.write(reply, 'latin1'))
    await using parts = new AsyncDisposableStack()
    parts.use(origin1)
    const own = parts.use(await startHttpEdge({ origin: origin1.origin }))
    const raw = await exchangeRaw(
      own.plainPort,
      `GET /%C3%A9 HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`,
    )
    expect(raw).toContain('X-Latin: caf\xe9\r\n')
  })
})

describe('a request that has passed us before', () => {
  it('is answered 508, whatever stands beside our id', async () => {
    using client = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    for (const loop of ['deployment-7', 'other, deployment-7; x=1']) {
      const answer = await client.request({ headers: { 'CDN-Loop': loop } })
      expect(answer.status).toBe(508)
      expect(answer.headers['x-custos-error']).toBe('loop')
    }
    expect((await client.request({ headers: { 'CDN-Loop': 'deployment-70' } })).status).toBe(200)
  })
})
