import type { CustomHostname } from '#domain/custom-hostname.ts'
import { isWithin, type Hostname } from '#domain/hostname.ts'
import type { ChallengeType } from '#domain/order.ts'
import type { Zone } from '#domain/zone.ts'

import type { DnsAddress, DnsOutcome, DnssecState, ServerAnswer, Survey } from '../dns/resolver.ts'
import type { ChallengeFinding, PermissionFinding } from '../lifecycle/inspector.ts'
import type { IsEdgeAddress } from '../validation/edge-prefixes.ts'
import type { TxtSighting } from '../validation/judge-txt.ts'
import { renderServer } from '../validation/txt-survey.ts'
import type { WellKnownOutcome } from '../validation/well-known-fetch.ts'
import type { Seen } from './diagnosis.ts'

/** All that a diagnosis is made of: what we know and what was seen. Judging it is pure. */
export interface Facts {
  record: CustomHostname
  zone: Zone
  /** Where the customer's CNAME should lead; undefined: the zone says nothing. */
  target: Hostname | undefined
  /** Where `_acme-challenge.<hostname>` should lead; undefined: there is no delegation. */
  delegationTarget: Hostname | undefined
  isEdgeAddress: IsEdgeAddress
  /** The settings name the edges' addresses. */
  hasEdgePrefixes: boolean
  now: number
  seen: Sighting
}

/** What a look showed. A field that is undefined was not seen in time. */
export interface Sighting {
  addresses?: DnsOutcome<DnsAddress> | undefined
  /** Of the hostname. */
  aliases?: DnsOutcome<Hostname> | undefined
  targetAddresses?: DnsOutcome<DnsAddress> | undefined
  /** What each authoritative server has. */
  records?: { A: Survey; AAAA: Survey } | undefined
  dnssec?: DnssecState | undefined
  /** Of the ownership token. */
  token?: TxtSighting | undefined
  /** A path that only an edge answers, over each family that has addresses. */
  http?: readonly FamilyAnswer[] | undefined
  /** Of each CA that may be asked; empty: of CAs that CAA says nothing to. */
  permissions?: readonly { ca: string; finding: PermissionFinding }[] | undefined
  /** Of `_acme-challenge.<hostname>`. */
  delegation?: DnsOutcome<Hostname> | undefined
  /** Of the open orders, but for http-01: the edges answer those. */
  challenges?: readonly { type: ChallengeType; finding: ChallengeFinding }[] | undefined
}

export interface FamilyAnswer {
  family: 4 | 6
  outcome: WellKnownOutcome
}

/** Whether one of our edges gave the answer: it has the token, or says so. */
export function isFromEdge({ outcome }: FamilyAnswer, { record }: Facts): boolean {
  if (outcome.from?.marks.isCustos) return true
  return outcome.outcome === 'answered' && outcome.body.trimEnd() === record.ownershipToken
}

/** Whether the hostname is an alias of the zone's target. */
export function isAliased({ seen: { aliases }, target }: Facts): boolean {
  if (aliases?.outcome !== 'found' || target === undefined) return false
  return aliases.values.some((name) => isWithin(name, target))
}

/** Whether an address leads to the edges, as far as anything shows it. */
export function isOurs(address: string, facts: Facts): boolean {
  const { isEdgeAddress, seen } = facts
  const { targetAddresses, http = [] } = seen
  const ofTarget = targetAddresses?.outcome === 'found' ? targetAddresses.values : []
  return (
    isEdgeAddress(address) ||
    ofTarget.some((one) => one.address === address) ||
    http.some((one) => one.outcome.from?.address === address && isFromEdge(one, facts))
  )
}

/** Whether an address that is not ours is known to be somebody else's. */
export function knowsEdges({ hasEdgePrefixes, seen: { targetAddresses } }: Facts): boolean {
  return hasEdgePrefixes || targetAddresses?.outcome === 'found'
}

/** Whether somebody other than an edge answered at this address. */
export function isAnsweredByOthers(address: string, facts: Facts): boolean {
  const { http = [] } = facts.seen
  return http.some((one) => one.outcome.from?.address === address && !isFromEdge(one, facts))
}

export function addressesOf({ seen: { addresses } }: Facts, family?: 4 | 6): readonly string[] {
  if (addresses?.outcome !== 'found') return []
  return addresses.values
    .filter((one) => family === undefined || one.family === family)
    .map(({ address }) => address)
}

/** The record that the customer should have, as it would stand in a zone file. */
export function wantedRecord({ record: { hostname }, target, seen: { records } }: Facts): string {
  if (target === undefined) return `${hostname} A <address of an edge>`
  // A CNAME cannot stand beside the SOA and NS records of a zone (RFC 1912 section 2.4).
  if (records?.A.zone === hostname) return `${hostname} ALIAS ${target}`
  return `${hostname} CNAME ${target}`
}

/** Answers come from the customer's servers: a few, and none at length. */
const MAX_SEEN = 16
const MAX_ANSWER = 200

export function seenAt(servers: readonly ServerAnswer[]): Seen[] {
  return servers.slice(0, MAX_SEEN).map((server) => ({
    server: renderServer(server),
    answer: renderAnswer(server.answer).slice(0, MAX_ANSWER),
  }))
}

export function renderAnswer(answer: ServerAnswer['answer']): string {
  switch (answer.outcome) {
    case 'found':
      return answer.values.join(', ')
    case 'alias':
      return `CNAME ${answer.target}`
    case 'nodata':
      return 'no record'
    case 'nxdomain':
      return 'NXDOMAIN'
    case 'servfail':
      return 'SERVFAIL'
    case 'timeout':
    case 'unheard':
      return 'no answer'
    default:
      return answer satisfies never
  }
}
