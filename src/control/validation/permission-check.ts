import type { Hostname } from '#domain/hostname.ts'

import type { AuthoritativeResolver, CaaOutcome, DnssecState } from '../dns/resolver.ts'
import type { PermissionFinding, PermissionQuestion } from '../lifecycle/inspector.ts'
import { judgeCaa, type CaaVerdict } from './caa.ts'
import { DNS_FAILURES } from './dns-failures.ts'

export interface PermissionCheckOptions {
  resolver: AuthoritativeResolver
}

export type PermissionCheck = (
  question: PermissionQuestion,
  signal: AbortSignal,
) => Promise<PermissionFinding>

/**
 * Whether a CA may issue for the name: its CAA records as the authoritative servers have them, and
 * whether its DNSSEC holds, without which CAs must not issue since 2026-03-15. A CA that CAA says
 * nothing to, such as the built-in one, is always permitted. Rejects only when aborted.
 */
export function createPermissionCheck({ resolver }: PermissionCheckOptions): PermissionCheck {
  return async (question, signal) => {
    if (question.caaIdentities.length === 0) return { isPermitted: true }
    const [caa, dnssec] = await Promise.all([
      resolver.findCaa(question.hostname, signal),
      resolver.checkDnssec(question.hostname, signal),
    ])
    return judgePermission(question, { caa, dnssec })
  }
}

/** What DNS says about who may issue. */
export interface PermissionSighting {
  caa: CaaOutcome
  dnssec: DnssecState
}

/** The problem begins with the specification's sentence (section 3.6); then what was seen and what to add. */
export function judgePermission(
  question: PermissionQuestion,
  { caa, dnssec }: PermissionSighting,
): PermissionFinding {
  const { hostname } = question
  if (dnssec === 'bogus') {
    return unknown(
      `dns problem: looking up caa for ${hostname}: dnssec: bogus. Its DNSSEC signatures do not hold: have the zone signed anew, or the DS record removed at the registrar.`,
    )
  }
  switch (caa.outcome) {
    case 'none':
      return { isPermitted: true }
    case 'servfail':
      return unknown(
        `SERVFAIL looking up CAA for ${hostname}. ${nameServersOf(caa.at)} fail: every CA must take that for a no.`,
      )
    case 'timeout':
      return unknown(
        `Certificate authority encountered a SERVFAIL during DNS lookup, please check your DNS reachability. ${nameServersOf(caa.at)} do not answer in time.`,
      )
    case 'unheard':
      return unknown(DNS_FAILURES.unheard(`The CAA records of ${caa.at}`))
    case 'found':
      return judgeRecords(question, caa)
    default:
      return caa satisfies never
  }
}

function unknown(problem: string): PermissionFinding {
  return { isPermitted: false, reason: 'dns', problem }
}

function nameServersOf(at: Hostname): string {
  return `The name servers of ${at}, asked for its CAA records,`
}

const BLOCKED =
  'CAA records block issuance. Please remove all CAA records or add records for this authority.'

function judgeRecords(
  question: PermissionQuestion,
  { at, records }: Extract<CaaOutcome, { outcome: 'found' }>,
): PermissionFinding {
  const { caaIdentities: identities, accountUri, methods, wildcard } = question
  const applicant = { identities, accountUri, methods }
  const verdicts = [
    judgeCaa(records, applicant, { wildcard: false }),
    ...(wildcard ? [judgeCaa(records, applicant, { wildcard: true })] : []),
  ]
  const denied = verdicts.find((verdict) => !verdict.isPermitted)
  if (!denied) return { isPermitted: true }
  const problem = `${BLOCKED} ${explain(denied, { at, question })}`
  return { isPermitted: false, reason: 'caa', problem }
}

type Denied = Extract<CaaVerdict, { isPermitted: false }>

function explain(
  { reason, tag, names }: Denied,
  { at, question }: { at: Hostname; question: PermissionQuestion },
): string {
  const [identity = ''] = question.caaIdentities
  const wanted = `${at} CAA 0 ${tag} "${identity}"`
  switch (reason) {
    case 'others': {
      const who = names.length > 0 ? `only ${renderNames(names)}` : 'no CA at all'
      return `The CAA records at ${at} permit ${who}: add ${wanted}.`
    }
    case 'critical':
      return `The CAA records at ${at} have a critical property "${names[0]}" that CAs do not know: remove it, or its critical flag.`
    case 'account':
      return `The CAA record at ${at} permits another account of ${identity}: add ${wanted} with accounturi=${question.accountUri ?? ''}.`
    case 'method':
      return `The CAA record at ${at} permits ${identity} with other validation methods only: permit ${renderNames(question.methods ?? [])} too.`
    default:
      return reason satisfies never
  }
}

/** Values come from the customer's DNS: a few, and none at length. */
function renderNames(names: readonly string[]): string {
  const shown = names.slice(0, 4).map((name) => name.slice(0, 64))
  return names.length > shown.length ? `${shown.join(', ')} and others` : shown.join(', ')
}
