import { describe, expect, it } from 'vitest'

import type { CheckName, CheckStatus } from '#control/diagnosis/diagnosis.ts'
import type { Facts, Sighting } from '#control/diagnosis/facts.ts'
import { judge } from '#control/diagnosis/judge.ts'
import type { DnsAddress, ServerAnswer, Survey } from '#control/dns/resolver.ts'
import { createEdgePrefixes } from '#control/validation/edge-prefixes.ts'
import type { WellKnownOutcome } from '#control/validation/well-known-fetch.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import type { Ownership } from '#domain/ownership.ts'
import { aName } from '#test/fake-authority.ts'
import { anActiveHostname, anOrder, aHostname, aZone, NOON } from '#test/records.ts'

const H = aName('app.customer.com')
const TARGET = aName('customers.saas.com')
const EDGE = '192.0.2.7'
const OTHER = '198.51.100.9'
const DAY = 86_400_000

const found = (...addresses: string[]): { outcome: 'found'; values: DnsAddress[] } => ({
  outcome: 'found',
  values: addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
})
const aliases = (...names: string[]) => ({ outcome: 'found', values: names.map(aName) }) as const

function survey(answers: Record<string, ServerAnswer['answer']>, zone = 'customer.com'): Survey {
  const servers = Object.entries(answers).map(([server, answer], at) => ({
    server,
    address: `203.0.113.${at + 1}`,
    answer,
  }))
  return { zone: aName(zone), servers }
}

const alias = (target: string) => ({ outcome: 'alias', target: aName(target) }) as const
const has = (...values: string[]) => ({ outcome: 'found', values, ttl: 60 }) as const
const records = (answers: Record<string, ServerAnswer['answer']>, zone?: string) => ({
  A: survey(answers, zone),
  AAAA: survey({ ns1: { outcome: 'nodata' } }, zone),
})

type Marks = NonNullable<WellKnownOutcome['from']>['marks']
function answer(address: string, marks: Partial<Marks>, more = {}): WellKnownOutcome {
  const from = { address, marks: { isCustos: false, provider: undefined, ...marks } }
  const problem = `${H} (${address}) answered with status 404, not 200.`
  return { outcome: 'failed', kind: 'status', problem, from, ...more }
}
const edgeAnswers = (address: string) =>
  ({ family: address.includes(':') ? 6 : 4, outcome: answer(address, { isCustos: true }) }) as const
const othersAnswer = (address: string, marks: Partial<Marks> = {}, more = {}) =>
  ({ family: address.includes(':') ? 6 : 4, outcome: answer(address, marks, more) }) as const
const closed = (family: 4 | 6): { family: 4 | 6; outcome: WellKnownOutcome } => ({
  family,
  outcome: {
    outcome: 'failed',
    kind: 'refused',
    problem: `${H} refused the connection on port 80.`,
  },
})

/** All well: an alias of the target, at every server, answered by an edge. */
const WELL: Sighting = {
  addresses: found(EDGE),
  aliases: aliases('customers.saas.com'),
  targetAddresses: found(EDGE),
  records: records({ ns1: alias('customers.saas.com'), ns2: alias('customers.saas.com') }),
  dnssec: 'fine',
  token: {
    survey: { name: H, at: H, zone: undefined, servers: [] },
    value: 't',
    misplaced: undefined,
  },
  http: [edgeAnswers(EDGE)],
  permissions: [{ ca: 'Test CA', finding: { isPermitted: true } }],
  delegation: { outcome: 'nxdomain' },
  challenges: [],
}

function facts(seen: Partial<Sighting> = {}, more: Partial<Facts> = {}): Facts {
  return {
    record: { ...anActiveHostname(), hostname: H },
    zone: aZone(),
    target: TARGET,
    delegationTarget: aName(`${H}.0123456789abcdef.dcv.saas.com`),
    isEdgeAddress: createEdgePrefixes([]),
    hasEdgePrefixes: false,
    now: NOON,
    seen: { ...WELL, ...seen },
    ...more,
  }
}

const named = (record: Partial<CustomHostname> = {}): CustomHostname => ({
  ...anActiveHostname(),
  hostname: H,
  ...record,
})

function sentenceOf(name: CheckName, of: Facts): string | undefined {
  const check = judge(of).checks.find((one) => one.name === name)
  return check && `${check.status}: ${check.sentence}`
}

describe('a hostname of which all is well', () => {
  it('says so', () => {
    const diagnosis = judge(facts())
    expect(diagnosis.summary).toBe(`${H} is well: proved, certified and served by every edge.`)
    expect(diagnosis.status).toBe('ok')
    expect(new Set(diagnosis.checks.map(({ status }) => status))).toEqual(new Set(['ok']))
  })

  it('tells first things first', () => {
    expect(judge(facts({ delegation: undefined })).checks.map(({ name }) => name)).toEqual([
      'dns',
      'dnssec',
      'name_servers',
      'target',
      'http',
      'ownership',
      'caa',
      'fallback_origin',
      'certificate',
      'deployment',
    ])
  })

  it('shows who answered what', () => {
    const [check] = judge(
      facts({ records: records({ ns1: has(OTHER), ns2: { outcome: 'timeout' } }) }),
    ).checks
    expect(check?.seen).toEqual([
      { server: 'ns1 (203.0.113.1)', answer: OTHER },
      { server: 'ns2 (203.0.113.2)', answer: 'no answer' },
    ])
  })
})

const noAlias = { aliases: { outcome: 'nodata' } as const }

describe('the sentence about', () => {
  it.each<[string, CheckName, CheckStatus, Partial<Sighting>, string]>([
    [
      'a name that does not exist',
      'dns',
      'wrong',
      { addresses: { outcome: 'nxdomain' }, aliases: { outcome: 'nxdomain' } },
      `${H} does not exist in DNS: add ${H} CNAME ${TARGET}.`,
    ],
    [
      'a name without address',
      'dns',
      'wrong',
      { addresses: { outcome: 'nodata' }, ...noAlias },
      `${H} has no address in DNS: add ${H} CNAME ${TARGET}.`,
    ],
    [
      'servers that fail',
      'dns',
      'wrong',
      { addresses: { outcome: 'servfail' }, aliases: { outcome: 'servfail' } },
      `The name servers of ${H} fail (SERVFAIL): the DNS host must mend the zone.`,
    ],
    [
      'servers that are silent',
      'dns',
      'wrong',
      { addresses: { outcome: 'timeout' }, aliases: { outcome: 'timeout' } },
      `The name servers of ${H} do not answer: the DNS host must mend them.`,
    ],
    [
      'an alias of nothing',
      'dns',
      'wrong',
      { addresses: { outcome: 'nxdomain' }, aliases: aliases('gone.old.net') },
      `${H} is an alias of gone.old.net, which does not exist: set ${H} CNAME ${TARGET}.`,
    ],
    [
      'a target of ours that does not exist',
      'dns',
      'wrong',
      { addresses: { outcome: 'nxdomain' } },
      `${H} points here, but its target ${TARGET} does not exist: the operator of this service must mend that.`,
    ],
    [
      'aliases in a circle',
      'dns',
      'wrong',
      {
        addresses: { outcome: 'servfail' },
        aliases: { ...aliases('a.net', 'b.net'), endsBy: 'loop' },
      },
      `The aliases of ${H} lead in a circle: set ${H} CNAME ${TARGET}.`,
    ],
    [
      'what was not seen',
      'dns',
      'unknown',
      { addresses: undefined },
      `${H} could not be looked up in time.`,
    ],
    [
      'broken signatures',
      'dnssec',
      'wrong',
      { dnssec: 'bogus' },
      `The DNSSEC signatures of ${H} do not hold, so no CA may issue for it: have the zone signed anew, or the DS record removed at the registrar.`,
    ],
    [
      'signatures that nobody checks',
      'dnssec',
      'unknown',
      { dnssec: 'unknown' },
      'No validating resolver is asked here, so whether DNSSEC holds is not known.',
    ],
    [
      'a server that lags behind',
      'name_servers',
      'waiting',
      { records: records({ ns1: alias('customers.saas.com'), ns2: has(OTHER) }) },
      `ns2 (203.0.113.2) does not have the new record of ${H} yet, ns1 (203.0.113.1) has: wait until all name servers agree.`,
    ],
    [
      'servers that disagree about something else',
      'name_servers',
      'wrong',
      { records: records({ ns1: has(OTHER), ns2: { outcome: 'nxdomain' } }) },
      `The name servers of ${H} disagree: have the zone copied to all of them.`,
    ],
    [
      'a server that is silent',
      'name_servers',
      'unknown',
      { records: records({ ns1: alias('customers.saas.com'), ns2: { outcome: 'timeout' } }) },
      'ns2 (203.0.113.2) gave no answer here; the others agree.',
    ],
    [
      'another CNAME target',
      'target',
      'wrong',
      { addresses: found(OTHER), aliases: aliases('shop.old.net') },
      `${H} is an alias of shop.old.net, which is not this service: change it to ${H} CNAME ${TARGET}.`,
    ],
    [
      'a forgotten dot',
      'target',
      'wrong',
      { addresses: found(OTHER), aliases: aliases('customers.saas.com.customer.com') },
      `The CNAME record of ${H} lacks the dot at the end of its target, so it leads to customers.saas.com.customer.com: enter "customers.saas.com." there.`,
    ],
    [
      'an A record in its place',
      'target',
      'wrong',
      { addresses: found(OTHER), ...noAlias, http: [closed(4)] },
      `${H} has the A record ${OTHER}, which is not this service: remove it and add ${H} CNAME ${TARGET}.`,
    ],
    [
      'a flattened record',
      'target',
      'ok',
      { addresses: found(EDGE), ...noAlias },
      `${H} has addresses of the edges.`,
    ],
    [
      'an apex name',
      'target',
      'wrong',
      {
        addresses: found(OTHER),
        ...noAlias,
        http: [closed(4)],
        records: records({ ns1: has(OTHER) }, 'app.customer.com'),
      },
      `${H} has the A record ${OTHER}, which is not this service: remove it and add ${H} ALIAS ${TARGET}.`,
    ],
    [
      'a stray AAAA record',
      'ipv6',
      'wrong',
      { addresses: found('2001:db8::9', EDGE), ...noAlias, http: [edgeAnswers(EDGE), closed(6)] },
      `${H} has the AAAA record 2001:db8::9, which leads elsewhere: remove it, or visitors and CAs that use IPv6 go astray.`,
    ],
    [
      'an AAAA record that is right',
      'ipv6',
      'ok',
      {
        addresses: found('2001:db8::7', EDGE),
        targetAddresses: found('2001:db8::7', EDGE),
        ...noAlias,
      },
      `${H} leads here over IPv6 too.`,
    ],
    [
      'a provider in front',
      'proxy',
      'wrong',
      {
        addresses: found(OTHER),
        ...noAlias,
        http: [othersAnswer(OTHER, { provider: 'Cloudflare' })],
      },
      `${H} is answered by Cloudflare, as its answer says, and not by this service: switch off its proxy for this name (“DNS only”), or let it pass requests on to ${TARGET}.`,
    ],
    [
      'a provider that passes on',
      'proxy',
      'ok',
      { http: [othersAnswer(OTHER, { provider: 'Fastly', isCustos: true })] },
      `${H} reaches the edges through Fastly.`,
    ],
    [
      'a closed port',
      'http',
      'wrong',
      { http: [closed(4)] },
      `${H} refused the connection on port 80. Validation by HTTP needs that port open.`,
    ],
    [
      'a closed port of one family',
      'http',
      'unknown',
      { http: [closed(6), edgeAnswers(EDGE)] },
      `${H} refused the connection on port 80. The other addresses are right; it may be that there is no IPv6 here.`,
    ],
    [
      'somebody else’s server',
      'http',
      'wrong',
      { http: [othersAnswer(OTHER)] },
      `Somebody else answers for ${H} at ${OTHER} on port 80, not an edge: let the name lead here, or pass /.well-known/ on.`,
    ],
    [
      'redirects in a circle',
      'http',
      'wrong',
      {
        http: [
          othersAnswer(
            OTHER,
            {},
            { kind: 'redirect', problem: `The redirects of ${H} (${OTHER}) lead in a circle.` },
          ),
        ],
      },
      `The redirects of ${H} (${OTHER}) lead in a circle. Let requests below /.well-known/ through without a redirect.`,
    ],
    [
      'a port that says nothing',
      'http',
      'unknown',
      { http: undefined },
      `Port 80 of ${H} did not answer in time.`,
    ],
    [
      'CAA that forbids',
      'caa',
      'wrong',
      {
        permissions: [{ ca: 'Test CA', finding: { isPermitted: false, problem: 'CAA says no.' } }],
      },
      'CAA says no.',
    ],
    [
      'CAA that forbids one CA of two',
      'caa',
      'ok',
      {
        permissions: [
          { ca: 'First CA', finding: { isPermitted: false, problem: 'no' } },
          { ca: 'Second CA', finding: { isPermitted: true } },
        ],
      },
      `Second CA may issue for ${H}.`,
    ],
    [
      'CAA not seen',
      'caa',
      'unknown',
      { permissions: undefined },
      'Who may issue for the name (CAA) could not be looked up in time.',
    ],
    [
      'a challenge that is not shown',
      'challenge',
      'wrong',
      { challenges: [{ type: 'dns-01', finding: { isReady: false, problem: 'No TXT record.' } }] },
      'No TXT record.',
    ],
    [
      'a challenge that is shown',
      'challenge',
      'ok',
      { challenges: [{ type: 'dns-01', finding: { isReady: true } }] },
      'The CA would see what it wants to see.',
    ],
  ])('%s', (_, name, status, seen, sentence) => {
    expect(sentenceOf(name, facts(seen))).toBe(`${status}: ${sentence}`)
  })

  it('a stray AAAA record is not told where nobody knows the edges’ addresses', () => {
    const seen = {
      addresses: found('::1', '127.0.0.1'),
      ...noAlias,
      targetAddresses: { outcome: 'nxdomain' } as const,
      http: [closed(6), edgeAnswers('127.0.0.1')],
    }
    expect(sentenceOf('ipv6', facts(seen))).toBeUndefined()
    expect(sentenceOf('target', facts(seen))).toBe(`ok: ${H} has addresses of the edges.`)
  })

  it('a target that nobody set is not compared', () => {
    const seen = {
      addresses: found(OTHER),
      ...noAlias,
      targetAddresses: undefined,
      http: [closed(4)],
    }
    expect(sentenceOf('target', facts(seen, { target: undefined }))).toBe(
      'unknown: The zone has no CNAME target, so nothing can be compared.',
    )
  })

  it('addresses within the settings’ prefixes counts them as ours', () => {
    const seen = {
      addresses: found(EDGE),
      ...noAlias,
      targetAddresses: undefined,
      http: [closed(4)],
    }
    const isEdgeAddress = createEdgePrefixes(['192.0.2.0/24'])
    const known = { target: undefined, isEdgeAddress, hasEdgePrefixes: true }
    expect(sentenceOf('target', facts(seen, known))).toBe(`ok: ${H} has addresses of the edges.`)
  })

  it.each<[string, CheckStatus, string, string]>([
    [
      'an old one',
      'wrong',
      'x.old.net',
      `is an alias of x.old.net, left from another provider: change it to _acme-challenge.${H} CNAME ${H}.0123456789abcdef.dcv.saas.com.`,
    ],
    ['ours', 'ok', `${H}.0123456789abcdef.dcv.saas.com`, 'is delegated to us.'],
  ])('a delegation: %s', (_, status, target, sentence) => {
    const { ssl } = named()
    const record = named({ ssl: ssl && { ...ssl, method: 'txt' } })
    expect(sentenceOf('dcv_delegation', facts({ delegation: aliases(target) }, { record }))).toBe(
      `${status}: _acme-challenge.${H} ${sentence}`,
    )
  })

  it('a delegation is left out where nobody needs one', () => {
    expect(
      sentenceOf('dcv_delegation', facts({ delegation: aliases('x.old.net') })),
    ).toBeUndefined()
  })
})

describe('the sentence about ownership', () => {
  const pending: Ownership = {
    state: 'pending',
    since: NOON,
    attempts: 3,
    nextAt: NOON + 60_000,
    errors: [],
  }
  const lost = { addresses: found(OTHER), ...noAlias, http: [closed(4)] }

  it.each<[string, Ownership, Partial<Sighting>, string]>([
    [
      'not proved, and nothing set',
      pending,
      lost,
      `wrong: ${H} is not proved yet: set ${H} CNAME ${TARGET}, or the TXT record with the token.`,
    ],
    [
      'not proved yet, but set',
      pending,
      {},
      `waiting: ${H} is as it should be and will be looked at again at 2026-11-23 00:01 UTC.`,
    ],
    [
      'moved',
      { state: 'moved', since: NOON, nextAt: NOON + DAY, errors: ['It points elsewhere.'] },
      {},
      `wrong: ${H} is no longer served: It points elsewhere. Set ${H} CNAME ${TARGET}, then ask to validate again (an edit, or \`custos hostnames refresh\`).`,
    ],
    [
      'blocked',
      { state: 'blocked', since: NOON, reason: 'The zone is held.' },
      {},
      `wrong: ${H} is held back: The zone is held.`,
    ],
    [
      'proved',
      { state: 'verified', at: NOON, by: 'txt', serial: 1 },
      {},
      `ok: ${H} was proved by the token in its TXT record.`,
    ],
  ])('%s', (_, ownership, seen, sentence) => {
    expect(sentenceOf('ownership', facts(seen, { record: named({ ownership }) }))).toBe(sentence)
  })

  it('tells a token at the wrong name, and since when', () => {
    const name = aName(`_cf-custom-hostname.${H}`)
    const token = {
      survey: {
        name,
        at: name,
        zone: aName('customer.com'),
        servers: survey({ ns1: { outcome: 'nxdomain' } }).servers,
      },
      value: 't',
      misplaced: aName(`${name}.customer.com`),
    }
    const record = named({ ownership: pending })
    const check = judge(facts({ ...lost, token }, { record })).checks.find(
      (one) => one.name === 'ownership',
    )
    expect(check).toMatchObject({
      status: 'wrong',
      since: NOON,
      sentence: `The TXT record stands at ${name}.customer.com, not at ${name}: enter "_cf-custom-hostname.app" as its name at the DNS host.`,
    })
  })

  it('tells that it is being removed', () => {
    const record = named({ removal: { requestedAt: NOON, serial: 9 } })
    expect(sentenceOf('ownership', facts({}, { record }))).toBe(
      `wrong: ${H} is being removed from the zone.`,
    )
  })
})

describe('the sentence about the certificate', () => {
  const record = { ...aHostname(), hostname: H }
  const opened = { order: anOrder(), since: NOON, failures: 0, nextAt: NOON + 60_000 }

  it.each<[string, Issuance, string]>([
    [
      'to be ordered',
      { state: 'scheduled', nextAt: NOON, failures: 0 },
      'waiting: The ECDSA certificate is about to be ordered.',
    ],
    [
      'waiting for a limit of the CA',
      {
        state: 'scheduled',
        nextAt: NOON + DAY,
        failures: 1,
        problem: 'Too many certificates this week.',
      },
      'waiting: The ECDSA certificate waits until 2026-11-24 00:00 UTC: Too many certificates this week.',
    ],
    [
      'not proved to the CA',
      { state: 'ordered', attempts: 2, problem: 'It answered 404.', ...opened },
      'waiting: The name is not proved to the CA yet; next look at 2026-11-23 00:01 UTC: It answered 404.',
    ],
    ['at the CA', { state: 'validating', ...opened }, 'waiting: The CA is at work on it.'],
    [
      'at a CA that is away',
      { state: 'validating', awaySince: NOON, ...opened },
      'waiting: The CA does not answer, next try at 2026-11-23 00:01 UTC: nothing is to be done but to wait.',
    ],
    [
      'given up',
      { state: 'timed_out', phase: 'validation', since: NOON, problem: 'It answered 404.' },
      'wrong: The ECDSA certificate was given up: It answered 404. When that is mended, ask again (an edit, or `custos hostnames refresh`).',
    ],
  ])('%s', (_, issuance, sentence) => {
    const chains = record.chains.map((chain) => ({ ...chain, issuance }))
    expect(sentenceOf('certificate', facts({}, { record: { ...record, chains } }))).toBe(sentence)
  })

  it.each<[string, number, string]>([
    [
      'near its end',
      NOON + 85 * DAY,
      'wrong: The ECDSA certificate expires on 2027-02-21 00:00 UTC. It is not renewed yet.',
    ],
    ['expired', NOON + 91 * DAY, 'wrong: The ECDSA certificate expired on 2027-02-21 00:00 UTC.'],
    [
      'good',
      NOON + 10 * DAY,
      'ok: Certificates are there, valid until 2027-02-21 00:00 UTC, and renewed from 2027-01-22 00:00 UTC on.',
    ],
  ])('%s', (_, now, sentence) => {
    expect(sentenceOf('certificate', facts({}, { now }))).toBe(sentence)
  })

  it('is left out where none is wanted', () => {
    const bare = named({ ssl: undefined, chains: [] })
    expect(sentenceOf('certificate', facts({}, { record: bare }))).toBeUndefined()
    expect(judge(facts({}, { record: bare })).summary).toBe(
      `${H} is well: proved and served by every edge.`,
    )
  })
})

describe('the sentence about the service’s own side', () => {
  it('names a zone without fallback origin, unless the hostname has its own', () => {
    const zone = aZone({ fallbackOrigin: undefined })
    expect(sentenceOf('fallback_origin', facts({}, { zone }))).toBe(
      'wrong: Zone does not have a fallback origin set. The operator must set one for zone saas.com: until then nothing is looked at and nothing served.',
    )
    const record = named({ customOriginServer: 'o.saas.com' })
    expect(sentenceOf('fallback_origin', facts({}, { zone, record }))).toBeUndefined()
  })

  it.each([
    [1, 0, `waiting: Not every edge serves ${H} yet: that takes a moment.`],
    [2, 1, `waiting: Every edge serves ${H}; the newest settings are on their way.`],
    [2, 2, `ok: Every edge serves ${H}.`],
  ])('tells how far the edges are: %i of %i', (serial, appliedSerial, sentence) => {
    const ownership: Ownership = { state: 'verified', at: NOON, by: 'cname', serial: 1 }
    const record = named({ ownership, deployment: { serial, published: undefined, appliedSerial } })
    expect(sentenceOf('deployment', facts({}, { record }))).toBe(sentence)
  })
})

describe('the summary', () => {
  it('is what the customer must do, before what takes time', () => {
    const ownership: Ownership = {
      state: 'pending',
      since: NOON,
      attempts: 0,
      nextAt: NOON,
      errors: [],
    }
    const record = named({ ownership })
    expect(judge(facts({}, { record }))).toMatchObject({
      status: 'waiting',
      summary: `${H} is as it should be and will be looked at again now.`,
    })
    const zone = aZone({ fallbackOrigin: undefined })
    expect(judge(facts({}, { record, zone }))).toMatchObject({
      status: 'wrong',
      summary: expect.stringMatching(/^Zone does not have a fallback origin set\./),
    })
  })
})
