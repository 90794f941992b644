import { normaliseServerName, type Hostname } from '#domain/hostname.ts'

import type { AddressRule } from './address-rule.ts'
import { SERVFAIL, type Finding } from './finding.ts'
import {
  MAX_CNAME_HOPS,
  type DnsAddress,
  type DnsFailure,
  type DnsOutcome,
  type SurveyType,
} from './resolver.ts'

/** One question within a look-up; aliases are not followed. */
export type AskFor = (name: Hostname, type: SurveyType) => Promise<Finding>

/** Through at most `MAX_CNAME_HOPS` aliases, in whatever zones they lie. Never an alias. */
export async function findThroughAliases(
  ask: AskFor,
  name: Hostname,
  type: SurveyType,
): Promise<Exclude<Finding, { kind: 'alias' | 'referral' }>> {
  let next = name
  for (let hops = 0; hops <= MAX_CNAME_HOPS; hops++) {
    const finding = await ask(next, type)
    if (finding.kind === 'referral') return SERVFAIL
    if (finding.kind !== 'alias') return finding
    next = finding.target
  }
  return SERVFAIL
}

export function outcomeOf(finding: Finding): DnsOutcome<string> {
  if (finding.kind !== 'records') return { outcome: failureOf(finding) }
  return { outcome: 'found', values: finding.records.map(({ value }) => value) }
}

export function failureOf(finding: Finding): DnsFailure {
  return finding.kind === 'absent' || finding.kind === 'failed' ? finding.outcome : 'servfail'
}

/** Judged here, so that what is connected to is what was judged: nobody looks the name up again. */
export async function findAddresses(
  ask: AskFor,
  name: Hostname,
  flawOf: AddressRule,
): Promise<DnsOutcome<DnsAddress>> {
  const [six, four] = await Promise.all([
    findThroughAliases(ask, name, 'AAAA'),
    findThroughAliases(ask, name, 'A'),
  ])
  const values = [...addressesOf(six, 6), ...addressesOf(four, 4)].map((found) => {
    const flaw = flawOf(found.address)
    return flaw === undefined ? found : { ...found, flaw }
  })
  if (values.length > 0) return { outcome: 'found', values }
  const outcomes = [failureOf(six), failureOf(four)]
  return { outcome: WORST_FIRST.find((failure) => outcomes.includes(failure)) ?? 'nodata' }
}

/** What could not be found out comes before what is known not to be. */
const WORST_FIRST = ['unheard', 'servfail', 'timeout', 'nxdomain', 'nodata'] as const

function addressesOf(finding: Finding, family: 4 | 6): DnsAddress[] {
  if (finding.kind !== 'records') return []
  return finding.records.map(({ value }) => ({ address: value, family }))
}

export async function followCname(ask: AskFor, name: Hostname): Promise<DnsOutcome<Hostname>> {
  const values: Hostname[] = []
  for (let next = name; values.length < MAX_CNAME_HOPS;) {
    const finding = await ask(next, 'CNAME')
    if (finding.kind !== 'records') return chainTo(values, failureOf(finding))
    const target = normaliseServerName(finding.records[0]?.value ?? '')
    if (target === undefined) return chainTo(values, 'servfail')
    const isLoop = target === name || values.includes(target)
    values.push(target)
    if (isLoop) break
    next = target
  }
  return { outcome: 'found', values, endsBy: 'loop' }
}

/** The regular end of a chain is a name without a CNAME record, there or not. */
function chainTo(values: readonly Hostname[], end: DnsFailure): DnsOutcome<Hostname> {
  if (values.length === 0) return { outcome: end }
  return end === 'nodata' ? { outcome: 'found', values } : { outcome: 'found', values, endsBy: end }
}
