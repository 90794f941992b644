import { judge } from '#control/diagnosis/judge.ts'
import type { CheckName } from '#control/diagnosis/diagnosis.ts'
import type { Facts, Sighting } from '#control/diagnosis/facts.ts'
import type { DnsAddress, ServerAnswer, Survey } from '#control/dns/resolver.ts'
import { createEdgePrefixes } from '#control/validation/edge-prefixes.ts'
import type { WellKnownOutcome } from '#control/validation/well-known-fetch.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'

import { aName } from './fake-authority.ts'
import { anActiveHostname, aZone, NOON } from './records.ts'

/** What a diagnosis is made of, in the terms of tests. All is well unless told otherwise. */
export const H = aName('app.customer.com')
export const TARGET = aName('customers.saas.com')
export const EDGE = '192.0.2.7'
export const OTHER = '198.51.100.9'
export const DAY = 86_400_000

export const found = (...addresses: string[]): { outcome: 'found'; values: DnsAddress[] } => ({
  outcome: 'found',
  values: addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
})
export const aliases = (...names: string[]) =>
  ({ outcome: 'found', values: names.map(aName) }) as const

export function survey(
  answers: Record<string, ServerAnswer['answer']>,
  zone = 'customer.com',
): Survey {
  const servers = Object.entries(answers).map(([server, answer], at) => ({
    server,
    address: `203.0.113.${at + 1}`,
    answer,
  }))
  return { zone: aName(zone), servers }
}

export const alias = (target: string) => ({ outcome: 'alias', target: aName(target) }) as const
export const has = (...values: string[]) => ({ outcome: 'found', values, ttl: 60 }) as const
export const records = (answers: Record<string, ServerAnswer['answer']>, zone?: string) => ({
  A: survey(answers, zone),
  AAAA: survey({ ns1: { outcome: 'nodata' } }, zone),
})

export type Marks = NonNullable<WellKnownOutcome['from']>['marks']
export function answer(address: string, marks: Partial<Marks>, more = {}): WellKnownOutcome {
  const from = { address, marks: { isCustos: false, provider: undefined, ...marks } }
  const problem = `${H} (${address}) answered with status 404, not 200.`
  return { outcome: 'failed', kind: 'status', problem, from, ...more }
}
export const edgeAnswers = (address: string) =>
  ({ family: address.includes(':') ? 6 : 4, outcome: answer(address, { isCustos: true }) }) as const
export const othersAnswer = (address: string, marks: Partial<Marks> = {}, more = {}) =>
  ({ family: address.includes(':') ? 6 : 4, outcome: answer(address, marks, more) }) as const
export const closed = (family: 4 | 6): { family: 4 | 6; outcome: WellKnownOutcome } => ({
  family,
  outcome: {
    outcome: 'failed',
    kind: 'refused',
    problem: `${H} refused the connection on port 80.`,
  },
})

/** All well: an alias of the target, at every server, answered by an edge. */
export const WELL: Sighting = {
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

export function facts(seen: Partial<Sighting> = {}, more: Partial<Facts> = {}): Facts {
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

export const named = (record: Partial<CustomHostname> = {}): CustomHostname => ({
  ...anActiveHostname(),
  hostname: H,
  ...record,
})

export function sentenceOf(name: CheckName, of: Facts): string | undefined {
  const check = judge(of).checks.find((one) => one.name === name)
  return check && `${check.status}: ${check.sentence}`
}

export const noAlias = { aliases: { outcome: 'nodata' } as const }
