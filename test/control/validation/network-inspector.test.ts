import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import type { AuthoritativeResolver } from '#control/dns/resolver.ts'
import type { Inspector, OwnershipQuestion } from '#control/lifecycle/inspector.ts'
import { createEdgePrefixes } from '#control/validation/edge-prefixes.ts'
import {
  createNetworkInspector,
  type NetworkInspectorOptions,
} from '#control/validation/network-inspector.ts'
import { createWellKnownFetch } from '#control/validation/well-known-fetch.ts'
import { parseHostname } from '#domain/hostname.ts'
import type { OrderChallenge } from '#domain/order.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import { startDnsServer, type DnsServer } from '#test/dns-server.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { startWellKnownServer, type WellKnownServer } from '#test/well-known-server.ts'
import { testResolver } from '#test/test-resolver.ts'

const never = new AbortController().signal
const TOKEN = '5cc07c04-ea62-4a5a-95f0-419334a875a4'
const ID = '0d89c70d-ad9f-4843-b99f-6cc0252067e9'
const ERRORS = [
  'custom hostname does not CNAME to this zone.',
  'None of the A or AAAA records are owned by this account and the pre-generated ownership verification token was not found.',
]

let dns: DnsServer
let resolver: AuthoritativeResolver
let server: WellKnownServer
let answers: Map<string, string>

beforeAll(async () => {
  dns = await startDnsServer({
    'app.test': { A: ['127.0.0.1'] },
    'aliased.test': { CNAME: 'via.test' },
    'via.test': { CNAME: 'john.customers.saas.test' },
    'john.customers.saas.test': { CNAME: 'customers.saas.test' },
    'customers.saas.test': { CNAME: 'balancer.cloud.test' },
    'direct.test': { CNAME: 'Customers.SaaS.test' },
    'elsewhere.test': { CNAME: 'othercustomers.saas.test' },
    'othercustomers.saas.test': { A: ['127.0.0.9'] },
    'quiet.test': 'silent',
  })
  resolver = testResolver({ servers: [dns.address] })
  server = await startWellKnownServer((request, response) => {
    const body = answers.get(request.url ?? '')
    response.statusCode = body === undefined ? 404 : 200
    response.end(body)
  })
})

beforeEach(() => {
  answers = new Map()
})

afterAll(async () => {
  await server.close()
  await dns.close()
})

function inspector(clock: Clock = systemClock): Inspector {
  const fetchWellKnown = createWellKnownFetch({ resolver, clock, port: server.port })
  return createNetworkInspector({ resolver, fetchWellKnown, ...common(clock) })
}

function common(
  clock: Clock,
): Pick<NetworkInspectorOptions, 'clock' | 'tlsPort' | 'isEdgeAddress'> {
  return { clock, tlsPort: 443, isEdgeAddress: createEdgePrefixes([]) }
}

function question(host: string, cnameTarget: string | undefined): OwnershipQuestion {
  const hostname = parseHostname(host, { allowReservedTlds: true })
  return { hostname, hostnameId: ID, token: TOKEN, cnameTarget, rivalTargets: undefined }
}

describe('ownership by CNAME', () => {
  it.each([
    ['direct.test', 'customers.saas.test'],
    ['aliased.test', 'customers.saas.test'],
    ['aliased.test', 'saas.test'],
    ['aliased.test', '*.customers.saas.test'],
    ['aliased.test', 'Customers.SaaS.Test.'],
  ])('is proved for %s and the target %s', async (host, target) => {
    const found = await inspector().inspectOwnership(question(host, target), never)
    expect(found).toEqual({ provedBy: 'cname' })
  })

  it('is not proved by a name that merely ends alike', async () => {
    const asked = question('elsewhere.test', 'customers.saas.test')
    const problem =
      'elsewhere.test is an alias of othercustomers.saas.test, not of customers.saas.test.'
    const found = await inspector().inspectOwnership(asked, never)
    const refused = `elsewhere.test refused the connection on port ${server.port}.`
    expect(found).toEqual({ errors: [...ERRORS, problem, refused] })
  })

  it.each([undefined, '', '*', 'not a name'])('needs a target: %s', async (target) => {
    const found = await inspector().inspectOwnership(question('direct.test', target), never)
    expect(found).toMatchObject({ errors: ERRORS.concat(expect.any(String)) })
  })
})

describe('ownership of a name that the edges serve for another zone', () => {
  const served = (host: string, target: string, rivalTargets: string[]): OwnershipQuestion => ({
    ...question(host, target),
    rivalTargets,
  })
  const DNS_ONLY =
    'The hostname is using Cloudflare and cannot be activated with an TXT or HTTP validation token. To activate the custom hostname, the DNS target needs to point to the SaaS zone'

  it('is not proved by the token, which the edges answer for whoever asks', async () => {
    answers.set(`/.well-known/cf-custom-hostname-challenge/${ID}`, TOKEN)
    const found = await inspector().inspectOwnership(served('app.test', 'saas.test', []), never)
    expect(found).toEqual({ errors: [DNS_ONLY] })
  })

  it.each([
    ['customers.saas.test', []],
    ['customers.saas.test', ['other.test', 'saas.test']],
  ])('is proved by a CNAME to %s where the others have %j', async (target, rivals) => {
    const asked = served('direct.test', target, rivals)
    expect(await inspector().inspectOwnership(asked, never)).toEqual({ provedBy: 'cname' })
  })

  it.each([
    ['customers.saas.test', 'customers.saas.test'],
    ['saas.test', '*.customers.saas.test'],
  ])('is not proved by a CNAME to %s where another has %s', async (target, rival) => {
    const asked = served('direct.test', target, [rival])
    const problem = `direct.test is an alias of ${target}, as in the zone that serves it.`
    expect(await inspector().inspectOwnership(asked, never)).toEqual({
      errors: [DNS_ONLY, problem],
    })
  })
})

describe('ownership by HTTP token', () => {
  const path = `/.well-known/cf-custom-hostname-challenge/${ID}`

  it.each([TOKEN, `${TOKEN}\n`, `${TOKEN}\r\n`])('is proved by the body %j', async (body) => {
    answers.set(path, body)
    const found = await inspector().inspectOwnership(question('app.test', undefined), never)
    expect(found).toEqual({ provedBy: 'http' })
    expect(server.requests.at(-1)).toBe(`GET app.test:${server.port} ${path}`)
    expect(server.userAgents.at(-1)).toBe('Cloudflare Custom Hostname Verification')
  })

  it.each([`${TOKEN}x`, ` ${TOKEN}`, '', TOKEN.toUpperCase()])('not by %j', async (body) => {
    answers.set(path, body)
    const problem = `http://app.test${path} answered with another body than the token.`
    const found = await inspector().inspectOwnership(question('app.test', undefined), never)
    expect(found).toEqual({ errors: [...ERRORS, problem] })
  })

  it('is not proved by the token of another hostname', async () => {
    answers.set('/.well-known/cf-custom-hostname-challenge/another', TOKEN)
    const found = await inspector().inspectOwnership(question('app.test', 'saas.test'), never)
    const problem = 'app.test answered with status 404, not 200.'
    expect(found).toEqual({ errors: [...ERRORS, problem] })
  })

  it('says that the name does not exist', async () => {
    const found = await inspector().inspectOwnership(question('none.test', 'saas.test'), never)
    const problem = 'none.test does not exist in DNS (NXDOMAIN).'
    expect(found).toEqual({ errors: [...ERRORS, problem] })
  })
})

describe('the search for ownership', () => {
  it('ends after its time, whatever does not answer', async () => {
    const clock = fakeClock()
    const forever: AuthoritativeResolver = {
      ...resolver,
      resolveCname: (_, signal) => untilAborted(signal),
      resolveAddresses: (_, signal) => untilAborted(signal),
    }
    const fetchWellKnown = createWellKnownFetch({ resolver: forever, clock, port: server.port })
    const slow = createNetworkInspector({ resolver: forever, fetchWellKnown, ...common(clock) })
    const searching = slow.inspectOwnership(question('app.test', 'saas.test'), never)
    await clock.advance(15_000)
    const explanations = ['It took too long.', 'app.test did not answer in time.']
    expect(await searching).toEqual({ errors: [...ERRORS, ...explanations] })
    expect(clock.nextDue()).toBeUndefined()
  })

  it('rejects with the reason of the signal', async () => {
    const reason = new Error('stopped')
    const controller = new AbortController()
    const asked = question('quiet.test', 'saas.test')
    const searching = inspector().inspectOwnership(asked, controller.signal)
    controller.abort(reason)
    await expect(searching).rejects.toBe(reason)
  })
})

describe('the preflight of a challenge', () => {
  const path = '/.well-known/acme-challenge/abc'
  const challenge: OrderChallenge = {
    type: 'http-01',
    identifier: 'app.test',
    url: 'https://ca.test/challenge/1',
    token: 'abc',
    keyAuthorization: 'abc.thumbprint',
  }

  it('is content with the key authorization, white space after it ignored', async () => {
    answers.set(path, 'abc.thumbprint \n')
    expect(await inspector().inspectChallenge(challenge, never)).toEqual({ isReady: true })
    expect(server.userAgents.at(-1)).toContain('preflight')
  })

  it('says what is wrong', async () => {
    const missing = 'app.test (127.0.0.1) answered with status 404, not 200.'
    expect(await inspector().inspectChallenge(challenge, never)).toEqual({
      isReady: false,
      problem: missing,
    })
    answers.set(path, 'abc')
    const wrong = `http://app.test${path} answered at 127.0.0.1 with another body than the expected one.`
    expect(await inspector().inspectChallenge(challenge, never)).toEqual({
      isReady: false,
      problem: wrong,
    })
  })

  it('is not content with an identifier that is no name', async () => {
    const found = await inspector().inspectChallenge(
      { ...challenge, identifier: '192.0.2.1' },
      never,
    )
    expect(found).toMatchObject({ isReady: false })
  })
})

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
