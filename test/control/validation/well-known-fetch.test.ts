import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createAddressRule } from '#control/dns/address-rule.ts'
import type { Resolver } from '#control/dns/resolver.ts'
import {
  createWellKnownFetch,
  type WellKnownFetchOptions,
  type WellKnownOutcome,
} from '#control/validation/well-known-fetch.ts'
import { parseHostname } from '#domain/hostname.ts'
import { systemClock } from '#lib/clock.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'
import { startDnsServer, type DnsServer } from '#test/dns-server.ts'
import { aName } from '#test/fake-authority.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { startWellKnownServer, type WellKnownServer } from '#test/well-known-server.ts'
import { testResolver } from '#test/test-resolver.ts'

const never = new AbortController().signal
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((info) => info?.address === '::1')

let dns: DnsServer
let resolver: Resolver
let server: WellKnownServer

beforeAll(async () => {
  dns = await startDnsServer({
    'app.test': { A: ['127.0.0.1'] },
    'other.test': { A: ['127.0.0.1'] },
    'secure.test': { A: ['127.0.0.2'] },
    'closed.test': { A: ['127.0.0.9'] },
    'two.test': { A: ['127.0.0.9', '127.0.0.1'] },
    'six.test': { A: ['127.0.0.1'], AAAA: ['::1'] },
    'metadata.test': { A: ['169.254.169.254'], AAAA: ['fe80::1', '::ffff:169.254.169.254'] },
    'inside.test': { A: ['10.0.0.5'] },
    'mapped.test': { AAAA: ['::ffff:127.0.0.1'] },
    'nowhere.test': { A: ['0.0.0.0'], AAAA: ['::'] },
    'empty.test': { TXT: ['x'] },
    'broken.test': 'servfail',
    'quiet.test': 'silent',
  })
  resolver = testResolver({ servers: [dns.address] })
  server = await startWellKnownServer(answer)
})

afterAll(async () => {
  await server.close()
  await dns.close()
})

/** The path says what the server does. */
const answer: RequestListener = (request, response) => {
  const url = new URL(request.url ?? '/', `http://${request.headers.host}`)
  const redirect = (location: string, status = 302): void => {
    response.writeHead(status, { location }).end('moved')
  }
  switch (url.pathname) {
    case '/token':
      return void response.end('the body\n')
    case '/missing':
      return void response.writeHead(404).end('secret page')
    case '/huge':
      return void response.end('x'.repeat(5_000))
    case '/huge-chunked':
      response.write('x'.repeat(3_000))
      return void response.end('x'.repeat(3_000))
    case '/hang':
      return undefined
    case '/drip':
      return void response.write('the ')
    case '/cut':
      response.writeHead(200, { 'content-length': '100' })
      return void response.write('part', () => request.socket.destroy())
    case '/circle':
      return redirect('/circle')
    case '/to':
      return redirect(
        url.searchParams.get('url') ?? '',
        Number(url.searchParams.get('status') ?? 302),
      )
    case '/count': {
      const left = Number(url.searchParams.get('n'))
      return left === 0 ? redirect('/token') : redirect(`/count?n=${left - 1}`)
    }
    default:
      return void response.writeHead(500).end()
  }
}

function fetchFrom(
  host: string,
  path: string,
  options: Partial<WellKnownFetchOptions> & { signal?: AbortSignal } = {},
): Promise<WellKnownOutcome> {
  const { signal = never, ...rest } = options
  const fetch = createWellKnownFetch({ resolver, clock: systemClock, port: server.port, ...rest })
  const hostname = parseHostname(host, { allowReservedTlds: true })
  return fetch({ hostname, path, userAgent: 'a test' }, signal)
}

function to(url: string, status = 302): string {
  return `/to?status=${status}&url=${encodeURIComponent(url)}`
}

describe('fetching a well-known resource', () => {
  it('returns the body, asking by name with our user agent', async () => {
    expect(await fetchFrom('app.test', '/token')).toMatchObject({
      outcome: 'answered',
      body: 'the body\n',
    })
    expect(server.requests.at(-1)).toBe(`GET app.test:${server.port} /token`)
    expect(server.userAgents.at(-1)).toBe('a test')
  })

  it('tries the next address where the first refuses', async () => {
    expect(await fetchFrom('two.test', '/token')).toMatchObject({ outcome: 'answered' })
  })

  it('falls back from IPv6 to IPv4', async () => {
    expect(await fetchFrom('six.test', '/token')).toMatchObject({ outcome: 'answered' })
  })

  it.runIf(hasIpv6)('prefers IPv6, and believes its answer as a CA does', async () => {
    const { port } = server
    await using six = await startWellKnownServer(
      (_, response) => void response.writeHead(418).end(),
      { address: '::1', port },
    )
    const found = await fetchFrom('six.test', '/token')
    expect(found).toMatchObject({
      kind: 'status',
      problem: 'six.test answered with status 418, not 200.',
    })
    expect(six.requests).toHaveLength(1)
  })

  it('finds names under .localhost on this machine', async () => {
    expect(await fetchFrom('demo.localhost', '/token')).toMatchObject({ outcome: 'answered' })
  })
})

describe('what the customer is told', () => {
  it.each([
    ['none.test', 'nxdomain', 'none.test does not exist in DNS (NXDOMAIN).'],
    ['empty.test', 'nodata', 'empty.test has no A or AAAA record.'],
    [
      'broken.test',
      'servfail',
      'broken.test cannot be looked up: its name servers fail (SERVFAIL).',
    ],
    [
      'quiet.test',
      'timeout',
      'quiet.test cannot be looked up: its name servers do not answer in time.',
    ],
    [
      'metadata.test',
      'address',
      'metadata.test has the address fe80::1, which is link-local: the CA cannot reach it.',
    ],
    [
      'nowhere.test',
      'address',
      'nowhere.test has the address ::, which is reserved: the CA cannot reach it.',
    ],
  ])('of the addresses of %s: %s', async (host, kind, problem) => {
    expect(await fetchFrom(host, '/token')).toEqual({ outcome: 'failed', kind, problem })
  })

  it('that nothing listens', async () => {
    const problem = `closed.test refused the connection on port ${server.port}.`
    const refused = { outcome: 'failed', kind: 'refused', problem }
    expect(await fetchFrom('closed.test', '/token')).toEqual(refused)
  })

  it.each([
    ['/missing', 'status', 'app.test answered with status 404, not 200.'],
    ['/huge', 'too-large', 'app.test answered with a body that is too large.'],
    ['/huge-chunked', 'too-large', 'app.test answered with a body that is too large.'],
    ['/circle', 'redirect', 'The redirects of app.test lead in a circle.'],
    ['/count?n=10', 'redirect', 'app.test redirects more than 10 times.'],
  ])('of %s: %s', async (path, kind, problem) => {
    expect(await fetchFrom('app.test', path)).toMatchObject({ outcome: 'failed', kind, problem })
  })

  it('that the answer was cut off, or is no HTTP', async () => {
    const problem = `app.test did not answer on port ${server.port} with valid HTTP.`
    expect(await fetchFrom('app.test', '/cut')).toMatchObject({ kind: 'protocol', problem })
    const banner = createServer((socket) => socket.resume().end('220 mail.test ESMTP\r\n'))
    banner.listen(server.port, '127.0.0.9')
    await once(banner, 'listening')
    expect(await fetchFrom('closed.test', '/token')).toMatchObject({ kind: 'protocol' })
    banner.close()
    await once(banner, 'close')
  })

  it.each(['/hang', '/drip'])('that it took too long: %s', async (path) => {
    const clock = fakeClock()
    const arrived = server.nextRequest()
    const fetching = fetchFrom('app.test', path, { clock, deadlineMs: 10_000 })
    await arrived
    await clock.advance(9_999)
    expect(clock.nextDue()).toBeDefined()
    await clock.advance(1)
    const problem = `app.test did not answer on port ${server.port} in time.`
    expect(await fetching).toMatchObject({ outcome: 'failed', kind: 'timeout', problem })
    expect(clock.nextDue()).toBeUndefined()
  })

  it('never a word of what was fetched', async () => {
    for (const path of ['/missing', '/huge', to('http://10.0.0.1/secret'), to('ftp://secret/')]) {
      expect(JSON.stringify(await fetchFrom('app.test', path))).not.toMatch(
        /secret|10\.0\.0\.1|xxx/,
      )
    }
  })
})

describe('following redirects', () => {
  it.each([301, 302, 303, 307, 308])('follows %i to another host', async (status) => {
    const path = to(`http://other.test:${server.port}/token`, status)
    expect(await fetchFrom('app.test', path)).toMatchObject({ outcome: 'answered' })
    expect(server.requests.at(-1)).toBe(`GET other.test:${server.port} /token`)
  })

  it('follows ten of them', async () => {
    expect(await fetchFrom('app.test', '/count?n=9')).toMatchObject({ outcome: 'answered' })
  })

  it('follows to HTTPS without verifying the certificate', async () => {
    const { rsa: tls } = await makeDevCertificates(['another-name.test'])
    const { port } = server
    const options = { address: '127.0.0.2', port, tls }
    await using secure = await startWellKnownServer((_, response) => response.end('safe'), options)
    const found = await fetchFrom('app.test', to(`https://secure.test:${port}/token`))
    expect(found).toMatchObject({ outcome: 'answered', body: 'safe' })
    expect(secure.requests).toEqual([`GET secure.test:${port} /token`])
  })

  it.each([
    ['http://127.0.0.1/', 'app.test redirects to something that is not a host name.'],
    ['http://2130706433/', 'app.test redirects to something that is not a host name.'],
    ['http://[::1]/', 'app.test redirects to something that is not a host name.'],
    ['http://other.test:22/', 'app.test redirects to a port other than 80 and 443.'],
    ['https://other.test:6379/', 'app.test redirects to a port other than 80 and 443.'],
    ['file:///etc/passwd', 'app.test redirects to something that is not a web address.'],
    ['gopher://other.test/', 'app.test redirects to something that is not a web address.'],
    ['http://user:pass@other.test/', 'app.test redirects to something that is not a web address.'],
    ['http://', 'app.test redirects to something that is not a web address.'],
  ])('does not follow to %s', async (location, problem) => {
    const found = await fetchFrom('app.test', to(location))
    expect(found).toMatchObject({ outcome: 'failed', kind: 'redirect', problem })
  })

  it('does not follow to addresses that a hostname cannot have', async () => {
    const found = await fetchFrom('app.test', to('http://metadata.test/latest/meta-data'))
    const problem =
      'A host that app.test redirects to has an address which is link-local: the CA cannot reach it.'
    expect(found).toMatchObject({ outcome: 'failed', kind: 'address', problem })
  })

  it('ends at a redirect without a location', async () => {
    const found = await fetchFrom('app.test', '/to?status=304&url=x')
    expect(found).toMatchObject({ kind: 'status' })
  })
})

/**
 * Attack: a stranger's records, or a redirect, aim the fetch at what listens inside our network. Rule:
 * where the CA sits on the Internet nobody is connected to there, and the finding says why.
 */
describe('where nothing inside may be asked', () => {
  const outside = (isEdgeAddress: (address: string) => boolean = () => false): Resolver =>
    testResolver({
      servers: [dns.address],
      addressRule: createAddressRule({ allowPrivate: false, isEdgeAddress }),
    })

  it.each([
    ['app.test', '127.0.0.1', 'a loopback address'],
    ['inside.test', '10.0.0.5', 'private'],
    ['mapped.test', '::ffff:7f00:1', 'a loopback address'],
  ])('%s is refused for %s', async (host, address, flaw) => {
    const before = server.requests.length
    expect(await fetchFrom(host, '/token', { resolver: outside() })).toEqual({
      outcome: 'failed',
      kind: 'address',
      problem: `${host} has the address ${address}, which is ${flaw}: the CA cannot reach it.`,
    })
    expect(server.requests.length).toBe(before)
  })

  it('a redirect leads nowhere inside, and does not tell what is there', async () => {
    const resolver = outside((address) => address === '127.0.0.1')
    const path = to(`http://secure.test:${server.port}/`)
    expect(await fetchFrom('app.test', path, { resolver })).toMatchObject({
      outcome: 'failed',
      kind: 'address',
      problem:
        'A host that app.test redirects to has an address which is a loopback address: the CA cannot reach it.',
    })
  })

  it('an edge may be asked', async () => {
    const resolver = outside((address) => address === '127.0.0.1')
    const found = await fetchFrom('app.test', '/token', { resolver })
    expect(found).toMatchObject({ outcome: 'answered' })
  })

  it('what was judged is what is connected to: nobody looks the name up again', async () => {
    let looks = 0
    const real = outside((address) => address === '127.0.0.1')
    const resolver: Resolver = {
      ...real,
      resolveAddresses: (name, signal) =>
        real.resolveAddresses(looks++ === 0 ? name : aName('closed.test'), signal),
    }
    expect(await fetchFrom('app.test', '/token', { resolver })).toMatchObject({
      outcome: 'answered',
      from: { address: '127.0.0.1' },
    })
    expect(looks).toBe(1)
  })
})

describe('stopping', () => {
  it('rejects with the reason of the signal while it waits', async () => {
    const reason = new Error('stopped')
    const controller = new AbortController()
    const arrived = server.nextRequest()
    const fetching = fetchFrom('app.test', '/hang', { signal: controller.signal })
    await arrived
    controller.abort(reason)
    await expect(fetching).rejects.toBe(reason)
    await expect(fetchFrom('app.test', '/token', { signal: controller.signal })).rejects.toBe(
      reason,
    )
  })
})
