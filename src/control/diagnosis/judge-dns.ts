import { isWithin } from '#domain/hostname.ts'

import type { DnsFailure, ServerAnswer } from '../dns/resolver.ts'
import { isAnswer, renderServers } from '../validation/txt-survey.ts'
import type { Check } from './diagnosis.ts'
import {
  addressesOf,
  isAliased,
  isAnsweredByOthers,
  isOurs,
  knowsEdges,
  renderAnswer,
  seenAt,
  wantedRecord,
  type Facts,
} from './facts.ts'

/** What the name's own DNS says: is it there, is it sound, where does it lead. */

/** Whether the name is there at all. */
export function judgeExistence(facts: Facts): Check {
  const { record, seen } = facts
  const { hostname } = record
  const servers = [...(seen.records?.A.servers ?? [])]
  const check = (status: Check['status'], sentence: string): Check => ({
    name: 'dns',
    status,
    expected: wantedRecord(facts),
    seen: seenAt(servers),
    sentence,
  })
  const { addresses, aliases } = seen
  if (addresses?.outcome === 'unheard') return check('wrong', ABSENCE.unheard())
  if (!addresses) return check('unknown', `${hostname} could not be looked up in time.`)
  if (addresses.outcome === 'found') {
    return check('ok', `${hostname} leads to ${addressesOf(facts).slice(0, 4).join(', ')}.`)
  }
  if (aliases?.outcome === 'found' && aliases.endsBy === 'loop') {
    return check(
      'wrong',
      `The aliases of ${hostname} lead in a circle: set ${wantedRecord(facts)}.`,
    )
  }
  if (isDotless(facts)) return check('wrong', dotlessSentence(facts))
  if (aliases?.outcome === 'found' && !isAliased(facts)) {
    const [alias] = aliases.values
    return check(
      'wrong',
      `${hostname} is an alias of ${alias}, which ${DEAD_END[addresses.outcome]}: set ${wantedRecord(facts)}.`,
    )
  }
  if (aliases?.outcome === 'found') {
    return check(
      'wrong',
      `${hostname} points here, but its target ${facts.target} ${DEAD_END[addresses.outcome]}: the operator of this service must mend that.`,
    )
  }
  return check('wrong', ABSENCE[addresses.outcome](hostname, wantedRecord(facts)))
}

const DEAD_END = {
  nxdomain: 'does not exist',
  nodata: 'has no address',
  servfail: 'cannot be looked up (SERVFAIL)',
  timeout: 'cannot be looked up (no answer)',
  unheard: 'could not be looked up',
} as const satisfies Record<DnsFailure, string>

const ABSENCE = {
  nxdomain: (name, wanted) => `${name} does not exist in DNS: add ${wanted}.`,
  nodata: (name, wanted) => `${name} has no address in DNS: add ${wanted}.`,
  servfail: (name) =>
    `The name servers of ${name} fail (SERVFAIL): the DNS host must mend the zone.`,
  timeout: (name) => `The name servers of ${name} do not answer: the DNS host must mend them.`,
  unheard: () =>
    'None of the DNS servers that this service asks answers: its operator must mend that.',
} as const satisfies Record<DnsFailure, (name: string, wanted: string) => string>

/** Whether signatures hold, where there are any. */
export function judgeDnssec({ record: { hostname }, seen: { dnssec } }: Facts): Check {
  const check = { name: 'dnssec', expected: 'signatures that hold, or none', seen: [] } as const
  switch (dnssec) {
    case 'fine':
      return { ...check, status: 'ok', sentence: `Validating resolvers believe ${hostname}.` }
    case 'bogus':
      return {
        ...check,
        status: 'wrong',
        sentence: `The DNSSEC signatures of ${hostname} do not hold, so no CA may issue for it: have the zone signed anew, or the DS record removed at the registrar.`,
      }
    case 'unknown':
      return {
        ...check,
        status: 'unknown',
        sentence: 'No validating resolver is asked here, so whether DNSSEC holds is not known.',
      }
    case undefined:
      return { ...check, status: 'unknown', sentence: 'DNSSEC could not be checked in time.' }
    default:
      return dnssec satisfies never
  }
}

/** Whether all authoritative servers say the same; undefined where there is nothing to compare. */
export function judgeNameServers(facts: Facts): Check | undefined {
  const servers = facts.seen.records?.A.servers ?? []
  const answering = servers.filter(isAnswer)
  if (servers.length < 2 || answering.length === 0) return undefined
  const check = (status: Check['status'], sentence: string): Check => ({
    name: 'name_servers',
    status,
    expected: 'the same answer from every name server',
    seen: seenAt(servers),
    sentence,
  })
  const right = answering.filter((server) => isRight(server, facts))
  const others = answering.filter((server) => !isRight(server, facts))
  const answers = new Set(answering.map(({ answer }) => renderAnswer(answer)))
  const { hostname } = facts.record
  if (right.length > 0 && others.length > 0) {
    return check(
      'waiting',
      `${renderServers(others)} does not have the new record of ${hostname} yet, ${renderServers(right)} has: wait until all name servers agree.`,
    )
  }
  if (answers.size > 1 && others.length > 0) {
    return check(
      'wrong',
      `The name servers of ${hostname} disagree: have the zone copied to all of them.`,
    )
  }
  const silent = servers.filter((server) => !isAnswer(server))
  if (silent.length > 0) {
    return check('unknown', `${renderServers(silent)} gave no answer here; the others agree.`)
  }
  return check('ok', `All ${servers.length} name servers say the same of ${hostname}.`)
}

function isRight({ answer }: ServerAnswer, facts: Facts): boolean {
  const { target } = facts
  if (answer.outcome === 'alias') return target !== undefined && isWithin(answer.target, target)
  return answer.outcome === 'found' && answer.values.every((address) => isOurs(address, facts))
}

/** Whether the name leads here; undefined where it leads nowhere. */
export function judgeTarget(facts: Facts): Check | undefined {
  const { record, target, seen } = facts
  const { hostname } = record
  if (seen.addresses?.outcome !== 'found') return undefined
  const check = (status: Check['status'], sentence: string): Check => ({
    name: 'target',
    status,
    expected: wantedRecord(facts),
    seen: seenAt(seen.records?.A.servers ?? []),
    sentence,
  })
  if (isAliased(facts)) return check('ok', `${hostname} is an alias of ${target}.`)
  const four = addressesOf(facts, 4)
  const addresses = four.length > 0 ? four : addressesOf(facts)
  const strays = addresses.filter((address) => !isOurs(address, facts))
  if (strays.length === 0) return check('ok', `${hostname} has addresses of the edges.`)
  const isKnown = target !== undefined || knowsEdges(facts)
  if (!isKnown && !strays.some((address) => isAnsweredByOthers(address, facts))) {
    return check('unknown', 'The zone has no CNAME target, so nothing can be compared.')
  }
  return check('wrong', aimOf(facts, strays))
}

/** A target without its last dot is taken for a name of the customer's own zone. */
function isDotless({ target, seen: { aliases, records } }: Facts): boolean {
  if (aliases?.outcome !== 'found' || target === undefined) return false
  return aliases.values[0] === `${target}.${records?.A.zone}`
}

function dotlessSentence({ record: { hostname }, target, seen: { records } }: Facts): string {
  return `The CNAME record of ${hostname} lacks the dot at the end of its target, so it leads to ${target}.${records?.A.zone}: enter "${target}." there.`
}

function aimOf(facts: Facts, strays: readonly string[]): string {
  const { hostname } = facts.record
  const { aliases } = facts.seen
  if (isDotless(facts)) return dotlessSentence(facts)
  if (aliases?.outcome === 'found') {
    return `${hostname} is an alias of ${aliases.values[0]}, which is not this service: change it to ${wantedRecord(facts)}.`
  }
  const kind = strays.some((address) => address.includes(':')) ? 'AAAA' : 'A'
  return `${hostname} has the ${kind} record ${strays.slice(0, 4).join(', ')}, which is not this service: remove it and add ${wantedRecord(facts)}.`
}

/** An AAAA record left beside a right A record; undefined where the name has not both by itself. */
export function judgeIpv6(facts: Facts): Check | undefined {
  const six = addressesOf(facts, 6)
  const { hostname } = facts.record
  const hasBoth = six.length > 0 && addressesOf(facts, 4).length > 0
  // Names under .localhost have both by rule (RFC 6761 section 6.3): there is nothing to remove.
  if (!hasBoth || isAliased(facts) || hostname.endsWith('.localhost')) return undefined
  const strays = six.filter((address) => !isOurs(address, facts))
  const isKnown = knowsEdges(facts) || strays.some((one) => isAnsweredByOthers(one, facts))
  if (strays.length > 0 && !isKnown) return undefined
  const check = {
    name: 'ipv6',
    expected: 'no AAAA record, or addresses of the edges',
    seen: seenAt(facts.seen.records?.AAAA.servers ?? []),
  } as const
  if (strays.length === 0) {
    return { ...check, status: 'ok', sentence: `${hostname} leads here over IPv6 too.` }
  }
  const sentence = `${hostname} has the AAAA record ${strays.slice(0, 4).join(', ')}, which leads elsewhere: remove it, or visitors and CAs that use IPv6 go astray.`
  return { ...check, status: 'wrong', sentence }
}
