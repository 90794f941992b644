import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { TLS_ALPN_PATH, type WellKnownAnswer } from '#domain/binding.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'
import { BindingCache } from '#edge/bindings.ts'
import type { Exchange } from '#edge/exchange.ts'
import { createHttp1Server } from '#edge/http1/http1-server.ts'
import { resolveHttpLimits } from '#edge/http-limits.ts'
import { PlainListener } from '#edge/plain/plain-listener.ts'
import { createPlainRules } from '#edge/plain/plain-rules.ts'
import type { OwnAnswer } from '#edge/proxy/answer-recorder.ts'
import { Sightings } from '#edge/sightings.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { silentLogger as logger } from '#lib/log.ts'
import { MetricFamily } from '#lib/metrics.ts'
import { systemRandom as random } from '#lib/random.ts'
import { memoryDirectory, type MemoryDirectory } from '#test/memory-directory.ts'
import { rawClient } from '#test/raw-client.ts'
import { aBinding } from '#test/test-binding.ts'
import { lookupCells } from '#test/tls-edge.ts'
import { waitUntil } from '#test/wait.ts'

/** Port 80 over real connections, with the real HTTP/1.1 room; what is proxied is only noted. */
const NAME = 'app.customer.test'
const CHAIN = {
  certificateId: 'c',
  keyAlgorithm: 'ecdsa',
  leaf: Buffer.of(),
  intermediates: [],
  sealedKey: Buffer.of(),
  notAfter: 1,
} as const

let directory: MemoryDirectory
let listener: PlainListener
let httpsPort = 443
const answers = new MetricFamily<'kind'>()
const proxied: Exchange[] = []
const recorded: (OwnAnswer & { path: string })[] = []
const sightings = new Sightings({ clock, dropped: { value: 0 } })
const end = new AbortController()
let drain: () => Promise<void>

beforeAll(async () => {
  directory = memoryDirectory()
  const bindings = new BindingCache({
    directory,
    contexts: { build: () => undefined, isCurrent: () => true, dispose: () => {} },
    clock,
    lookups: lookupCells(),
    cacheBytes: 1_000_000,
    limits: { absentTtlMs: 1 },
  })
  const handle = createPlainRules({
    directory,
    bindings,
    clock,
    random,
    answers,
    sightings,
    record: (exchange, answer) => recorded.push({ path: exchange.path, ...answer }),
    httpsPort: () => httpsPort,
    next: note,
  })
  const http1 = createHttp1Server({ handle, clock, random, limits: resolveHttpLimits() })
  const address = { host: '127.0.0.1', port: 0 }
  listener = await PlainListener.start({ address, http1, logger, dropped: { value: 0 } })
  drain = () => http1.drain(end.signal)
  directory.put(
    aBinding(NAME, { chains: [CHAIN] }),
    aBinding('clear.test', { chains: [CHAIN], alwaysUseHttps: false }),
    aBinding('nossl.test'),
    aBinding('waiting.test', { missing: ['Point <b>waiting.test</b> at "x" & y.', 'Wait.'] }),
  )
})

afterAll(async () => {
  listener.close()
  end.abort()
  await drain()
})

beforeEach(() => {
  proxied.length = 0
  recorded.length = 0
  httpsPort = 443
})

/** What the proxy would take over. */
function note(exchange: Exchange): void {
  proxied.push(exchange)
  const ignore = (): void => {}
  exchange.open({
    onRequestData: ignore,
    onRequestEnd: ignore,
    onRequestError: ignore,
    onDrain: ignore,
    onClose: ignore,
  })
  const head = { reason: 'OK', headers: [], bodiless: false, trailers: false }
  exchange.respond({ ...head, status: 299, bodyLength: 0 })
  exchange.end()
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

interface Request {
  host: string
  path?: string
  method?: string
  accept?: string
  userAgent?: string
  body?: string
}

function send({ host, path = '/', method = 'GET', body = '', ...rest }: Request) {
  const { accept, userAgent } = rest
  return new Promise<Answer>((resolve, reject) => {
    const { port } = listener.address
    const headers = {
      host,
      ...(accept && { accept }),
      ...(userAgent && { 'user-agent': userAgent }),
    }
    const request = httpRequest({ port, host: '127.0.0.1', path, method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

function answer(change: Partial<WellKnownAnswer> = {}): WellKnownAnswer {
  return {
    hostname: NAME as Hostname,
    path: '/.well-known/acme-challenge/token-1',
    body: 'token-1.thumbprint',
    expiresAt: clock.now() + 60_000,
    ...change,
  }
}

describe('a challenge', () => {
  it('is answered from the directory, for its own name and path only', async () => {
    directory.answers.push(answer())
    const path = '/.well-known/acme-challenge/token-1'
    const found = await send({ host: `${NAME}:80`, path })
    expect(found).toMatchObject({ status: 200, body: 'token-1.thumbprint' })
    expect(found.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
    })
    expect(await send({ host: 'clear.test', path })).toMatchObject({ status: 404 })
    const other = await send({ host: NAME, path: `${path}2` })
    expect(other).toMatchObject({ status: 404, headers: { 'x-custos-error': 'no_challenge' } })
    expect(proxied).toEqual([])
  })

  it('is told of as fetched, with its client, and nothing else is', async () => {
    const path = '/.well-known/acme-challenge/told'
    const ownership = '/.well-known/cf-custom-hostname-challenge/0002'
    directory.answers.push(answer({ path, body: 'told.t' }), answer({ path: ownership }))
    const before = sightings.recent()?.length ?? 0
    await send({ host: NAME, path: ownership })
    await send({ host: NAME, path: `${path}-not` })
    for (let i = 0; i < 2; i++) await send({ host: NAME, path, userAgent: 'A CA/1' })
    expect(sightings.recent()?.slice(before)).toMatchObject([
      {
        kind: 'challenge-fetched',
        name: NAME,
        hostnameId: `id-of-${NAME}`,
        detail: 'http-01 by 127.0.0.1, A CA/1',
      },
    ])
  })

  it('is answered while the hostname is not ready yet, and never redirected', async () => {
    const hostname = parseHostname('waiting.test', { allowReservedTlds: true })
    const path = '/.well-known/cf-custom-hostname-challenge/0001'
    directory.answers.push(answer({ hostname, path, body: 'the token' }))
    expect(await send({ host: 'waiting.test', path })).toMatchObject({ body: 'the token' })
  })

  it('is not answered any more when it has expired', async () => {
    const path = '/.well-known/acme-challenge/old'
    directory.answers.push(answer({ path, expiresAt: clock.now() - 1 }))
    expect(await send({ host: NAME, path })).toMatchObject({ status: 404 })
  })

  it('gets only the head in the answer to HEAD', async () => {
    directory.answers.push(answer())
    const path = '/.well-known/acme-challenge/token-1'
    const head = await send({ host: NAME, path, method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '', headers: { 'content-length': '18' } })
  })

  it('with a path that is too long is not looked up', async () => {
    const path = `/.well-known/acme-challenge/${'a'.repeat(600)}`
    expect(await send({ host: NAME, path })).toMatchObject({ status: 404 })
  })

  it('of tls-alpn-01 is not to be had by any request', async () => {
    directory.answers.push(answer({ path: TLS_ALPN_PATH, body: 'secret.thumbprint' }))
    const paths = [
      TLS_ALPN_PATH,
      `/${TLS_ALPN_PATH}`,
      'acme-tls/1',
      '*',
      `http://${NAME}:acme-tls/1`,
    ]
    const below = ['', '/..', '/../..'].map(
      (up) => `/.well-known/acme-challenge${up}/${TLS_ALPN_PATH}`,
    )
    for (const target of [...paths, ...below, `http://${NAME}/${TLS_ALPN_PATH}`]) {
      using client = await rawClient(listener.address.port)
      client.send(`GET ${target} HTTP/1.1\r\nHost: ${NAME}\r\nConnection: close\r\n\r\n`)
      await client.closed
      const received = client.received().toString()
      expect(received).toMatch(/^HTTP\/1\.1 (400|404|308|299) /)
      expect(received).not.toContain('secret')
    }
    proxied.length = 0
  })

  it('while the directory is away gets a 503, which validators try again', async () => {
    await send({ host: NAME })
    directory.available = false
    const away = await send({ host: NAME, path: '/.well-known/acme-challenge/x' })
    directory.available = true
    expect(away).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
  })
})

describe('a hostname that is not ready yet', () => {
  it('gets a page that says what is missing, escaped', async () => {
    const page = await send({ host: 'waiting.test', path: '/any?x=1', accept: 'text/html,*/*' })
    expect(page.status).toBe(503)
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'retry-after': '30',
      'x-robots-tag': 'noindex',
      'x-custos-error': 'not_ready',
      'cache-control': 'no-store',
    })
    expect(page.body).toContain('Point &lt;b&gt;waiting.test&lt;/b&gt; at &quot;x&quot; &amp; y.')
    expect(page.body).toContain('<li>Wait.</li>')
    expect(page.body).not.toContain('<b>')
    expect(page.body).toContain(`Request ${page.headers['x-request-id']}`)
  })

  it('gets JSON for a program that asks for it', async () => {
    const { headers, body } = await send({ host: 'waiting.test', accept: 'application/json' })
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
    expect(JSON.parse(body)).toEqual({
      error: 'not_ready',
      status: 503,
      title: 'Not ready yet',
      message: 'This host is being set up.',
      request_id: headers['x-request-id'],
      hostname: 'waiting.test',
      missing: ['Point <b>waiting.test</b> at "x" & y.', 'Wait.'],
    })
  })

  it('gets the same for a request with a body, and the connection goes on', async () => {
    using client = await rawClient(listener.address.port)
    const post = 'POST / HTTP/1.1\r\nHost: waiting.test\r\nContent-Length: 5\r\n\r\nhello'
    client.send(`${post}${post}GET / HTTP/1.1\r\nHost: waiting.test\r\nConnection: close\r\n\r\n`)
    await client.closed
    expect(
      client
        .received()
        .toString()
        .match(/HTTP\/1\.1 503 /g),
    ).toHaveLength(3)
  })
})

describe('the redirect to HTTPS', () => {
  it('keeps method, path and query', async () => {
    const redirect = await send({ host: NAME, path: '/a/b?c=d&e=%20f', method: 'POST', body: 'x' })
    expect(redirect).toMatchObject({
      status: 308,
      body: '',
      headers: { location: `https://${NAME}/a/b?c=d&e=%20f` },
    })
  })

  it('names the port where it is not 443', async () => {
    httpsPort = 8443
    const { headers } = await send({ host: `${NAME}:8080` })
    expect(headers.location).toBe(`https://${NAME}:8443/`)
  })

  it('goes to the name in normal form, never to what was sent', async () => {
    const { headers } = await send({ host: 'APP.Customer.TEST.' })
    expect(headers.location).toBe(`https://${NAME}/`)
    const paths = await send({ host: NAME, path: '//evil.test/x' })
    expect(paths.headers.location).toBe(`https://${NAME}//evil.test/x`)
  })
})

describe('what port 80 leaves to the proxy', () => {
  it.each([
    ['a hostname that wants no redirect', 'clear.test'],
    ['a hostname without certificates', 'nossl.test'],
    ['a name that nobody has', 'unknown.test'],
    ['an IP address', '127.0.0.1'],
  ])('%s', async (_what, host) => {
    expect(await send({ host })).toMatchObject({ status: 299 })
    expect(proxied.map(({ connection }) => connection)).toMatchObject([
      { scheme: 'http', tls: undefined, remoteAddress: '127.0.0.1' },
    ])
  })

  it('a challenge path of a name that nobody has', async () => {
    const path = '/.well-known/acme-challenge/x'
    expect(await send({ host: 'unknown.test', path })).toMatchObject({ status: 299 })
  })

  it('a name that is not in memory while the directory is away', async () => {
    directory.available = false
    const answer = await send({ host: 'cold.test' })
    directory.available = true
    expect(answer).toMatchObject({ status: 299 })
  })
})

describe('what port 80 answered', () => {
  it.each([
    ['a redirect', NAME, '/'],
    ['a page', 'waiting.test', '/'],
    ['a challenge that nobody has', NAME, '/.well-known/acme-challenge/none'],
  ])('has an id of its own: %s', async (_what, host, path) => {
    const [first, second] = [await send({ host, path }), await send({ host, path })]
    expect(first.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id'])
  })

  it('is recorded, once it is over, with its id and what went wrong', async () => {
    const { headers } = await send({ host: NAME, path: '/to?a' })
    await send({ host: 'waiting.test' })
    await send({ host: 'unknown.test' })
    await waitUntil('all are over', () => recorded.length === 2)
    expect(recorded).toMatchObject([
      { path: '/to?a', status: 308, error: undefined, requestId: headers['x-request-id'] },
      { path: '/', status: 503, error: 'not_ready' },
    ])
  })

  it('is counted by kind', () => {
    const kinds = [...answers.entries()].filter(({ cell }) => cell.value > 0)
    expect(kinds.map(({ labels }) => labels.kind).sort()).toEqual([
      'challenge',
      'no-challenge',
      'not-ready',
      'redirect',
      'unavailable',
    ])
  })
})
