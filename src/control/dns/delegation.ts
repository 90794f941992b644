import { LRUCache } from 'lru-cache'

import { isWithin } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'

import type { AddressRule } from './address-rule.ts'
import type { Endpoint } from './exchange.ts'
import type { DnsRecord, Reply } from './message.ts'

/** Who is responsible for a zone. */
export interface Delegation {
  /** Name of the zone; empty for the root. */
  apex: string
  servers: readonly NameServer[]
  /** Seconds it may be kept. */
  ttl: number
}

export interface NameServer {
  name: string
  /** Undefined: not known yet (no glue). */
  endpoints: readonly Endpoint[] | undefined
}

/** Of one zone; the root has 13, nobody needs more. */
const MAX_SERVERS = 13
const MAX_ADDRESSES = 4

/**
 * The delegation that a reply makes of the NS records of `apex`. Glue counts for names within `zone`
 * only, that of the server that speaks: of others it cannot know.
 */
export function readDelegation(
  reply: Reply,
  { apex, zone, doors }: { apex: string; zone: string; doors: Doors },
): Delegation | undefined {
  const all = [...reply.answers, ...reply.authorities]
  const records = all.filter(({ type, name }) => type === 'NS' && name === apex)
  if (records.length === 0) return undefined
  const bare = delegationBy(records, apex)
  const servers = bare.servers.map(({ name }) => {
    const glue = isWithin(name, zone) ? reply.additionals.filter((each) => each.name === name) : []
    return { name, endpoints: glue.length > 0 ? endpointsOf(glue, doors) : undefined }
  })
  return { ...bare, servers }
}

/** What NS records alone say. */
export function delegationBy(records: readonly DnsRecord[], apex: string): Delegation {
  const names = [...new Set(records.map(({ value }) => value))].slice(0, MAX_SERVERS)
  const servers = names.map((name) => ({ name, endpoints: undefined }))
  return { apex, servers, ttl: Math.min(...records.map(({ ttl }) => ttl)) }
}

/** Which doors of name servers may be knocked at. */
export interface Doors {
  addressRule: AddressRule
  port: number
}

/**
 * Where the addresses lead that may be asked, IPv4 first. Whoever owns the zone picks them, so the
 * rule for validation fetches holds here too.
 */
export function endpointsOf(
  records: readonly DnsRecord[],
  { addressRule: flawOf, port }: Doors,
): Endpoint[] {
  const usable = records.filter(
    ({ type, value }) => (type === 'A' || type === 'AAAA') && flawOf(value) === undefined,
  )
  const four = usable.filter(({ type }) => type === 'A').slice(0, MAX_ADDRESSES / 2)
  const six = usable.filter(({ type }) => type === 'AAAA').slice(0, MAX_ADDRESSES / 2)
  return [...four, ...six].map(({ value }) => ({ address: value, port }))
}

/** Keeps delegations, never answers, so that not every look-up begins at the root. */
export interface DelegationCache {
  find(apex: string): Delegation | undefined
  /** The one nearest to the name, of zones no longer than `limit` labels. */
  findClosest(name: string, limit?: number): Delegation | undefined
  put(delegation: Delegation): void
  /** Replaces what is kept of the zone, if anything is, but not until when. */
  amend(delegation: Delegation): void
  remove(apex: string): void
}

export interface DelegationCacheOptions {
  clock: Pick<Clock, 'now'>
  /** The least used goes first. @default 10_000 */
  maxZones?: number
  /** However long the records say, in milliseconds. @default 3_600_000 */
  maxAgeMs?: number
}

export function createDelegationCache(options: DelegationCacheOptions): DelegationCache {
  const { clock, maxZones = 10_000, maxAgeMs = 3_600_000 } = options
  const kept = new LRUCache<string, { delegation: Delegation; at: number }>({ max: maxZones })
  const find = (apex: string): Delegation | undefined => {
    const entry = kept.get(apex)
    if (entry === undefined) return undefined
    const ageMs = clock.now() - entry.at
    // Negative: the clock was set back, and nobody knows how old it is.
    const isGood = ageMs >= 0 && ageMs < Math.min(entry.delegation.ttl * 1_000, maxAgeMs)
    return isGood ? entry.delegation : undefined
  }
  return {
    find,
    findClosest(name, limit = Infinity) {
      const levels = levelsOf(name).filter((level) => level.split('.').length <= limit)
      return levels.map(find).find((delegation) => delegation !== undefined)
    },
    put: (delegation) => void kept.set(delegation.apex, { delegation, at: clock.now() }),
    amend(delegation) {
      const entry = kept.get(delegation.apex)
      if (entry) kept.set(delegation.apex, { ...entry, delegation })
    },
    remove: (apex) => void kept.delete(apex),
  }
}

/** `a.b.c`, `b.c`, `c`. */
export function levelsOf(name: string): string[] {
  const labels = name.split('.')
  return labels.map((_, index) => labels.slice(index).join('.'))
}
