import { describe, expect, it } from 'vitest'

import { createChallengeCheck } from '#control/validation/challenge-check.ts'
import { createEdgePrefixes } from '#control/validation/edge-prefixes.ts'
import { createOwnershipCheck } from '#control/validation/ownership-check.ts'
import type { FetchWellKnown } from '#control/validation/well-known-fetch.ts'
import type { OrderChallenge } from '#domain/order.ts'
import { systemClock } from '#lib/clock.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { aName, fakeAuthority, type FakeAuthorityOptions } from '#test/fake-authority.ts'

const never = new AbortController().signal
/** What is right for RFC 8555 section 8.4: base64url of the SHA-256 of the key authorization. */
const VALUE = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ'
const challenge: OrderChallenge = {
  type: 'dns-01',
  identifier: 'app.customer.com',
  url: 'https://ca.test/1',
  token: 't',
  keyAuthorization: 'hello',
}
const NAME = '_acme-challenge.app.customer.com'
const unreachable: FetchWellKnown = async ({ hostname }) => ({
  outcome: 'failed',
  kind: 'refused',
  problem: `${hostname} refused.`,
})

const inspect = (
  authority: FakeAuthorityOptions,
  dcvZone?: string,
): Promise<{ isReady: boolean; problem?: string }> =>
  createChallengeCheck({
    resolver: fakeAuthority({ zone: 'customer.com', ...authority }),
    fetchWellKnown: unreachable,
    clock: systemClock,
    tlsPort: 443,
    userAgent: 'test',
    dcvZone,
  })(challenge, never)

describe('the preflight of dns-01', () => {
  it.each<[string, FakeAuthorityOptions]>([
    ['every server has it', { servers: { a: { [`TXT ${NAME}`]: [VALUE] } } }],
    ['beside other values', { servers: { a: { [`TXT ${NAME}`]: ['x', VALUE] } } }],
    [
      'one server is silent',
      {
        servers: { a: { [`TXT ${NAME}`]: [VALUE] }, b: { [`TXT ${NAME}`]: 'timeout' } },
      },
    ],
    [
      'where the delegation leads',
      {
        servers: {
          a: { [`TXT ${NAME}`]: { alias: 'x.dcv.test' }, 'TXT x.dcv.test': [VALUE] },
        },
      },
    ],
    [
      'where only a resolver can be asked',
      { servers: {}, resolver: fakeAuthority({ servers: { a: { [`TXT ${NAME}`]: [VALUE] } } }) },
    ],
  ])('is content: %s', async (_, authority) => {
    expect(await inspect(authority)).toEqual({ isReady: true })
  })

  it.each<[string, FakeAuthorityOptions, string]>([
    [
      'nothing there',
      { servers: { a: {} } },
      `${NAME} has no TXT record: add the TXT record ${NAME} with the value ${VALUE}.`,
    ],
    [
      'another value',
      { servers: { a: { [`TXT ${NAME}`]: ['old'] } } },
      `${NAME} has another value, "old": add the TXT record ${NAME} with the value ${VALUE}.`,
    ],
    [
      'several other values, of whom some are long',
      { servers: { a: { [`TXT ${NAME}`]: ['one', 'x'.repeat(81), '', '4', '5'] } } },
      `${NAME} has other values, "one", "${'x'.repeat(80)}…", "" and 2 more: add the TXT record ${NAME} with the value ${VALUE}.`,
    ],
    [
      'a value that is not fit to be shown as it is',
      { servers: { a: { [`TXT ${NAME}`]: ['say "hi"\\\n\u001b[31m\u202eß'] } } },
      `${NAME} has another value, "say \\"hi\\"\\\\\\u000a\\u001b[31m\\u202e\\u00df": add the TXT record ${NAME} with the value ${VALUE}.`,
    ],
    [
      'one server behind',
      { servers: { 'ns1.x': { [`TXT ${NAME}`]: [VALUE] }, 'ns2.x': {} } },
      `ns2.x (192.0.2.54) does not have the TXT record at ${NAME} yet, ns1.x (192.0.2.53) has: wait until all name servers have it.`,
    ],
    [
      'the zone appended twice',
      { servers: { a: { [`TXT ${NAME}.customer.com`]: [VALUE] } } },
      `The TXT record stands at ${NAME}.customer.com, not at ${NAME}: enter "_acme-challenge.app" as its name at the DNS host.`,
    ],
    [
      'at the bare name',
      { servers: { a: { 'TXT app.customer.com': [VALUE] } } },
      `The TXT record stands at app.customer.com, not at ${NAME}: enter "_acme-challenge.app" as its name at the DNS host.`,
    ],
    [
      'at the zone',
      { servers: { a: { 'TXT _acme-challenge.customer.com': [VALUE] } } },
      `The TXT record stands at _acme-challenge.customer.com, not at ${NAME}: enter "_acme-challenge.app" as its name at the DNS host.`,
    ],
    [
      'an old delegation',
      { servers: { a: { [`TXT ${NAME}`]: { alias: 'app.dcv.other.net' } } } },
      `${NAME} is an alias of app.dcv.other.net, where the value ${VALUE} is not: a CNAME record left from another provider must be removed.`,
    ],
    [
      'our delegation without the value',
      { servers: { a: { [`TXT ${NAME}`]: { alias: 'app.1.dcv.saas.com' } } } },
      `${NAME} is delegated to app.1.dcv.saas.com, as it should be, but the value is not there yet.`,
    ],
    [
      'the delegation at one server only',
      {
        servers: {
          a: { [`TXT ${NAME}`]: { alias: 'x.dcv.test' }, 'TXT x.dcv.test': [VALUE] },
          b: {},
        },
      },
      `b (192.0.2.54) does not have the CNAME record at ${NAME} that the other name servers have: wait until it has, or correct it.`,
    ],
    [
      'nobody answers',
      { servers: { a: { [`TXT ${NAME}`]: 'servfail' }, b: { [`TXT ${NAME}`]: 'timeout' } } },
      `No name server answers for ${NAME}: a (192.0.2.53) fails, b (192.0.2.54) does not answer.`,
    ],
    [
      'aliases in a circle',
      { servers: { a: { [`TXT ${NAME}`]: { alias: NAME } } } },
      `The aliases of ${NAME} lead in a circle.`,
    ],
    [
      'broken signatures',
      { dnssec: 'bogus', servers: { a: { [`TXT ${NAME}`]: [VALUE] } } },
      `The DNSSEC signatures of ${NAME} do not hold, so no CA will believe its records: have them renewed, or the DS record removed.`,
    ],
  ])('says what to change: %s', async (_, authority, problem) => {
    expect(await inspect(authority, 'dcv.saas.com')).toEqual({ isReady: false, problem })
  })
})

describe('the preflight of any challenge', () => {
  it('ends after its time, whatever the customer’s servers do', async () => {
    const clock = fakeClock()
    const slow = fakeAuthority()
    const check = createChallengeCheck({
      resolver: {
        ...slow,
        survey: (_, __, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason), { once: true })
          }),
      },
      fetchWellKnown: unreachable,
      clock,
      tlsPort: 443,
      userAgent: 'test',
    })
    const checking = check(challenge, never)
    await clock.advance(12_000)
    expect(await checking).toEqual({
      isReady: false,
      problem: 'app.customer.com did not answer in time.',
    })
    expect(clock.nextDue()).toBeUndefined()
  })
})

describe('ownership by DNS', () => {
  const TOKEN = '5cc07c04-ea62-4a5a-95f0-419334a875a4'
  const TXT = '_cf-custom-hostname.app.customer.com'
  const ERRORS = [
    'custom hostname does not CNAME to this zone.',
    'None of the A or AAAA records are owned by this account and the pre-generated ownership verification token was not found.',
  ]
  const REFUSED = 'app.customer.com refused.'
  const look = (
    authority: FakeAuthorityOptions,
    rivalTargets?: readonly string[],
  ): Promise<unknown> =>
    createOwnershipCheck({
      resolver: fakeAuthority({ zone: 'customer.com', ...authority }),
      fetchWellKnown: unreachable,
      isEdgeAddress: createEdgePrefixes(['192.0.2.0/24', '2001:db8::/32']),
      clock: systemClock,
    })(
      {
        hostname: aName('app.customer.com'),
        hostnameId: '0d89c70d-ad9f-4843-b99f-6cc0252067e9',
        token: TOKEN,
        cnameTarget: 'customers.saas.com',
        rivalTargets,
      },
      never,
    )

  it.each<[string, FakeAuthorityOptions['servers']]>([
    ['at the only server', { a: { [`TXT ${TXT}`]: [TOKEN] } }],
    ['beside other values', { a: { [`TXT ${TXT}`]: ['v=spf1', TOKEN] } }],
    ['through an alias', { a: { [`TXT ${TXT}`]: { alias: 't.test' }, 'TXT t.test': [TOKEN] } }],
  ])('is proved by the token in TXT %s', async (_, servers) => {
    expect(await look({ servers: servers ?? {} })).toEqual({ provedBy: 'txt' })
  })

  it.each<[string, FakeAuthorityOptions['servers'], string[]]>([
    ['not tried', { a: {} }, []],
    [
      'another value',
      { a: { [`TXT ${TXT}`]: ['x'] } },
      [`${TXT} has another value, "x": add the TXT record ${TXT} with the value ${TOKEN}.`],
    ],
    [
      'one server behind',
      { a: { [`TXT ${TXT}`]: [TOKEN] }, b: {} },
      [
        `b (192.0.2.54) does not have the TXT record at ${TXT} yet, a (192.0.2.53) has: wait until all name servers have it.`,
      ],
    ],
    [
      'the wrong name',
      { a: { [`TXT ${TXT}.customer.com`]: [TOKEN] } },
      [
        `The TXT record stands at ${TXT}.customer.com, not at ${TXT}: enter "_cf-custom-hostname.app" as its name at the DNS host.`,
      ],
    ],
  ])('is not proved by TXT: %s', async (_, servers, explanations) => {
    expect(await look({ servers: servers ?? {} })).toEqual({
      errors: [...ERRORS, ...explanations, REFUSED],
    })
  })

  it('is proved by addresses that are all the edges’ own', async () => {
    const servers = {
      a: { 'A app.customer.com': ['192.0.2.7'], 'AAAA app.customer.com': ['2001:db8::7'] },
    }
    expect(await look({ servers })).toEqual({ provedBy: 'address' })
  })

  it('is not proved where one address leads elsewhere', async () => {
    const servers = {
      a: { 'A app.customer.com': ['192.0.2.7'], 'AAAA app.customer.com': ['2001:db9::7'] },
    }
    const stray = 'app.customer.com has the address 2001:db9::7 too, which leads elsewhere.'
    expect(await look({ servers })).toEqual({ errors: [...ERRORS, stray, REFUSED] })
  })

  it('is proved by neither where the edges serve the name for another zone', async () => {
    const servers = { a: { [`TXT ${TXT}`]: [TOKEN], 'A app.customer.com': ['192.0.2.7'] } }
    expect(await look({ servers }, ['other.saas.com'])).toEqual({
      errors: [expect.stringMatching(/^The hostname is using Cloudflare and cannot be activated/)],
    })
  })
})
