import { isWithin, normaliseServerName, type Hostname } from '#domain/hostname.ts'

import type { NoReply } from './exchange.ts'
import type { DnsRecord, Query, Reply } from './message.ts'
import type { UselessOutcome } from './resolver.ts'
import { RCODE } from './wire.ts'

/** What one reply means. Only records of the very name that was asked for count. */
export type Finding =
  | { kind: 'records'; records: readonly DnsRecord[] }
  | { kind: 'alias'; target: Hostname }
  /** `apex`: of the zone that says so, where it does. */
  | { kind: 'absent'; outcome: 'nodata' | 'nxdomain'; apex: string | undefined }
  /** Others are responsible for `cut` and what is below. */
  | { kind: 'referral'; cut: string; reply: Reply }
  | Failed

export interface Failed {
  kind: 'failed'
  outcome: UselessOutcome
  /** Why nothing came back at all; undefined: something useless did. */
  silence?: Exclude<NoReply, 'malformed' | 'spent'>
}

export const SERVFAIL: Failed = { kind: 'failed', outcome: 'servfail' }
const TIMEOUT: Failed = { kind: 'failed', outcome: 'timeout', silence: 'timeout' }

/**
 * None of the servers that we are set up to ask is there. Silence alone does not show it: a recursive
 * server is silent too while it waits for the customer's.
 */
export function isUnheard(finding: Finding, { isBlocked }: { isBlocked: boolean }): boolean {
  if (finding.kind !== 'failed' || finding.silence === undefined) return false
  return finding.silence !== 'timeout' || isBlocked
}

/** There was nobody to ask. */
export const UNREACHABLE: Failed = { ...SERVFAIL, silence: 'unreachable' }

/** Nobody whom we are set up to ask answers: nothing was heard of the name at all. */
export const UNHEARD: Failed = { kind: 'failed', outcome: 'unheard', silence: 'unreachable' }

/** What several failures come to: a useless reply says more than silence. */
export function summarise(failures: readonly Finding[]): Failed {
  const failed = failures.filter((finding) => finding.kind === 'failed')
  const wanted = [undefined, 'timeout', 'refused', 'unreachable']
  const found = wanted.map((silence) => failed.find((each) => each.silence === silence))
  return found.find((each) => each !== undefined) ?? UNREACHABLE
}

/** What a recursive server said. */
export function readRecursive(heard: Reply | NoReply, query: Query): Finding {
  if (typeof heard === 'string') return failureOf(heard)
  return readAnswer(heard, query) ?? readAbsence(heard, query) ?? SERVFAIL
}

/**
 * What a server of `zone` said. It may answer with authority, or refer to a zone below; a server that
 * does neither is lame, and what it says is not used.
 */
export function readAuthoritative(
  heard: Reply | NoReply,
  { query, zone }: { query: Query; zone: string },
): Finding {
  if (typeof heard === 'string') return failureOf(heard)
  const answer = heard.isAuthoritative ? readAnswer(heard, query) : undefined
  if (answer) return answer
  const cut = findCut(heard, { query, zone })
  if (cut !== undefined) return { kind: 'referral', cut, reply: heard }
  return (heard.isAuthoritative ? readAbsence(heard, query) : undefined) ?? SERVFAIL
}

function failureOf(heard: NoReply): Failed {
  if (heard === 'malformed' || heard === 'spent') return SERVFAIL
  return heard === 'timeout' ? TIMEOUT : { ...SERVFAIL, silence: heard }
}

function readAnswer({ rcode, answers }: Reply, { name, type }: Query): Finding | undefined {
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return undefined
  const own = answers.filter((record) => record.name === name)
  const records = own.filter((record) => record.type === type)
  if (records.length > 0) return { kind: 'records', records }
  const alias = own.find((record) => record.type === 'CNAME')
  if (alias === undefined) return undefined
  const target = normaliseServerName(alias.value)
  return target === undefined ? SERVFAIL : { kind: 'alias', target }
}

function findCut(
  { rcode, authorities }: Reply,
  { query, zone }: { query: Query; zone: string },
): string | undefined {
  if (rcode !== RCODE.NOERROR || authorities.some(({ type }) => type === 'SOA')) return undefined
  const isBelow = ({ type, name }: DnsRecord): boolean =>
    type === 'NS' && name !== zone && isWithin(name, zone) && isWithin(query.name, name)
  return authorities.find(isBelow)?.name
}

function readAbsence({ rcode, authorities }: Reply, { name }: Query): Finding | undefined {
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return undefined
  const outcome = rcode === RCODE.NXDOMAIN ? 'nxdomain' : 'nodata'
  const soa = authorities.find((record) => record.type === 'SOA' && isWithin(name, record.name))
  return { kind: 'absent', outcome, apex: soa?.name }
}
