import { describe, expect, it } from 'vitest'

import type { Sighting } from '#control/diagnosis/facts.ts'
import { judge } from '#control/diagnosis/judge.ts'
import type { Issuance } from '#domain/issuance.ts'
import type { Ownership } from '#domain/ownership.ts'
import {
  H,
  TARGET,
  OTHER,
  DAY,
  found,
  survey,
  has,
  records,
  closed,
  facts,
  named,
  sentenceOf,
  noAlias,
} from '#test/diagnosis-facts.ts'
import { aName } from '#test/fake-authority.ts'
import { anOrder, aHostname, aZone, NOON } from '#test/records.ts'

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
      `waiting: The proof of ${H} is in place: the next look, at 2026-11-23 00:01 UTC, will find it.`,
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
      seen: [{ server: 'ns1 (203.0.113.1)', answer: 'TXT NXDOMAIN' }],
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
      summary: `The proof of ${H} is in place: the next look, due now, will find it.`,
    })
    const zone = aZone({ fallbackOrigin: undefined })
    expect(judge(facts({}, { record, zone }))).toMatchObject({
      status: 'wrong',
      summary: expect.stringMatching(/^Zone does not have a fallback origin set\./),
    })
  })
})
