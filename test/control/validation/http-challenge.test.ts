import type { RequestListener } from 'node:http'

import { describe, expect, it } from 'vitest'

import type { ChallengeFinding } from '#control/lifecycle/inspector.ts'
import { inspectHttpChallenge } from '#control/validation/http-challenge.ts'
import { createWellKnownFetch } from '#control/validation/well-known-fetch.ts'
import { systemClock } from '#lib/clock.ts'
import { aName, fakeAuthority, type ServerSays } from '#test/fake-authority.ts'
import { startWellKnownServer, type WellKnownServer } from '#test/well-known-server.ts'

/** A web server for each family on loopback, both on one port. */
const never = new AbortController().signal
const PATH = '/.well-known/acme-challenge/abc'
const BOTH = { 'A app.test': ['127.0.0.1'], 'AAAA app.test': ['::1'] }

const right: RequestListener = (_, response) => response.end('abc.thumbprint\n')
const other: RequestListener = (_, response) => response.end('welcome')
const missing: RequestListener = (_, response) => response.writeHead(404).end()
const circle: RequestListener = (_, response) => response.writeHead(302, { location: PATH }).end()

async function inspectWith(
  handlers: { four: RequestListener; six?: RequestListener },
  says: ServerSays = BOTH,
): Promise<ChallengeFinding & { port: number }> {
  await using four = await startWellKnownServer(handlers.four)
  const { port } = four
  await using _six: WellKnownServer | undefined = handlers.six
    ? await startWellKnownServer(handlers.six, { address: '::1', port })
    : undefined
  const resolver = fakeAuthority({ servers: { a: says } })
  const fetchWellKnown = createWellKnownFetch({ resolver, clock: systemClock, port })
  const challenge = {
    type: 'http-01' as const,
    identifier: 'app.test',
    hostname: aName('app.test'),
    url: 'https://ca.test/1',
    token: 'abc',
    keyAuthorization: 'abc.thumbprint',
  }
  const options = { resolver, fetchWellKnown, userAgent: 'test' }
  return { ...(await inspectHttpChallenge(challenge, options, never)), port }
}

describe('the look at http-01', () => {
  it('is content where both families answer right', async () => {
    expect(await inspectWith({ four: right, six: right })).toMatchObject({ isReady: true })
  })

  it('does not mind a family that nobody can connect to, as CAs fall back', async () => {
    expect(await inspectWith({ four: right })).toMatchObject({ isReady: true })
  })

  it('takes what a redirect leads to, in whatever family that is', async () => {
    const says = { ...BOTH, 'A old.test': ['127.0.0.1'] }
    const toOld: RequestListener = (request, response) =>
      response.writeHead(302, { location: `http://old.test:${request.socket.localPort}/x` }).end()
    const four: RequestListener = (request, response) =>
      request.url === '/x' ? right(request, response) : toOld(request, response)
    expect(await inspectWith({ four, six: toOld }, says)).toMatchObject({ isReady: true })
  })

  it.each<[string, RequestListener, string]>([
    ['answers 404', missing, 'app.test (::1) answered with status 404, not 200.'],
    [
      'answers something else',
      other,
      `http://app.test${PATH} answered at ::1 with another body than the expected one.`,
    ],
    ['redirects in a circle', circle, 'The redirects of app.test (::1) lead in a circle.'],
  ])('fails a name whose AAAA record leads to one that %s', async (_, six, sentence) => {
    const remedy = 'Its A record is right: remove or correct the AAAA record.'
    expect(await inspectWith({ four: right, six })).toMatchObject({
      isReady: false,
      problem: `${sentence} ${remedy}`,
    })
  })

  it('names both where nobody answers right', async () => {
    expect(await inspectWith({ four: missing, six: missing })).toMatchObject({
      problem:
        'app.test (::1) answered with status 404, not 200. app.test (127.0.0.1) answered with status 404, not 200.',
    })
  })

  it('says that a name does not exist', async () => {
    expect(await inspectWith({ four: right }, {})).toMatchObject({
      problem: 'app.test does not exist in DNS (NXDOMAIN).',
    })
  })
})
