import { isWithin } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'

import {
  delegationBy,
  endpointsOf,
  readDelegation,
  type Delegation,
  type DelegationCache,
  type Doors,
} from './delegation.ts'
import type { Endpoint, Exchange } from './exchange.ts'
import { readAuthoritative, SERVFAIL, summarise, type Failed, type Finding } from './finding.ts'
import type { Guide, LookUp } from './guide.ts'
import { attemptInTurn } from './in-turn.ts'
import type { Query } from './message.ts'

/** From zone to zone, as far as somebody answers with authority. */
export interface ZoneWalk {
  /** Never a referral. `zone`: the last one reached; undefined where there was nowhere to begin. */
  ask(query: Query, lookUp: LookUp): Promise<Walked>
  /** The zone that holds the name, by who is responsible for it. */
  findZone(name: string, lookUp: LookUp): Promise<Delegation | undefined>
  /** Asks one server of the zone, again where it is silent. */
  askServer(server: Endpoint, asked: AskedZone, lookUp: LookUp): Promise<Finding>
  /** Finds the servers that have no address yet, as far as they can be found. */
  locate(zone: Delegation, lookUp: LookUp): Promise<Delegation>
}

export interface Walked {
  finding: Finding
  zone: Delegation | undefined
}

export interface AskedZone {
  query: Query
  /** Apex. */
  zone: string
}

export interface ZoneWalkOptions extends Doors {
  guide: Guide
  exchange: Exchange
  cache: DelegationCache
  clock: Clock
  random: Random
  /** How often a silent server is asked. */
  tries: number
  headStartMs: number
}

/** Cuts between zones from the root to a name: real names have four, arpa names some more. */
const MAX_CUTS = 16
/** Look-ups of name servers for the look-up of name servers. */
const MAX_DEPTH = 3
/** Asked in one look-up: a zone's owner must not make us knock at a thousand doors. */
const MAX_ASKED = 8
/** Name servers whose addresses are looked up where none came along. */
const MAX_LOCATED = 3

export function createZoneWalk(options: ZoneWalkOptions): ZoneWalk {
  const walk: ZoneWalk = {
    async ask(query, lookUp) {
      const first = await follow(query, lookUp, options)
      if (!first.isStale) return first.walked
      // The servers may be gone because the zone moved: once more, from above.
      options.cache.remove(first.walked.zone?.apex ?? '')
      return (await follow(query, lookUp, options)).walked
    },
    findZone: (name, lookUp) => findZone(name, { walk, lookUp, options }),
    askServer: (server, asked, lookUp) => askPatiently(server, { asked, lookUp, options }),
    locate: (zone, lookUp) => locate(zone, lookUp, { ...options, limit: MAX_ASKED }),
  }
  return walk
}

/** `isStale`: it failed at a zone that an earlier look-up had found. */
async function follow(
  query: Query,
  lookUp: LookUp,
  options: ZoneWalkOptions,
): Promise<{ walked: Walked; isStale: boolean }> {
  const begin = await options.guide.begin(query.name, lookUp)
  if ('kind' in begin) return { walked: { finding: begin, zone: undefined }, isStale: false }
  let { zone } = begin
  for (let cuts = 0; cuts < MAX_CUTS; cuts++) {
    const finding = await askZone(zone, query, { lookUp, options })
    const next = finding.kind === 'referral' ? enter(finding, zone, options) : undefined
    if (next === undefined) {
      const isStale = begin.isKept && cuts === 0 && finding.kind === 'failed'
      return { walked: { finding, zone }, isStale }
    }
    zone = next
  }
  return { walked: { finding: SERVFAIL, zone }, isStale: false }
}

function enter(
  { reply, cut }: Extract<Finding, { kind: 'referral' }>,
  zone: Delegation,
  options: ZoneWalkOptions,
): Delegation | undefined {
  const below = readDelegation(reply, { apex: cut, zone: zone.apex, doors: options })
  if (below) options.cache.put(below)
  return below
}

interface Context {
  lookUp: LookUp
  options: ZoneWalkOptions
}

/** First the servers whose addresses are known, then those that must be looked up. */
async function askZone(
  zone: Delegation,
  query: Query,
  { lookUp, options }: Context,
): Promise<Finding> {
  const asked = { query, zone: zone.apex }
  const known = doorsOf(zone)
  const first = await askAny(known, asked, { lookUp, options })
  if (first.kind !== 'failed') return first
  const located = await locate(zone, lookUp, { ...options, limit: MAX_LOCATED })
  const others = doorsOf(located).filter((endpoint) => !known.includes(endpoint))
  if (others.length === 0) return first
  const second = await askAny(others, asked, { lookUp, options })
  return second.kind === 'failed' ? summarise([first, second]) : second
}

function doorsOf({ servers }: Delegation): Endpoint[] {
  return servers.flatMap(({ endpoints = [] }) => endpoints)
}

async function askAny(
  endpoints: readonly Endpoint[],
  asked: AskedZone,
  { lookUp, options }: Context,
): Promise<Finding> {
  const { tries, random, clock, headStartMs } = options
  const rounds = Array.from({ length: tries }, () => pick(endpoints, random)).flat()
  const heard = new Map<Endpoint, Finding>()
  const attempts = rounds.map((endpoint) => async (signal: AbortSignal) => {
    const before = heard.get(endpoint)
    if (before) return before
    const finding = await askOnce(endpoint, asked, { lookUp: { ...lookUp, signal }, options })
    if (!isSilent(finding)) heard.set(endpoint, finding)
    return finding
  })
  const isGood = (finding: Finding): boolean => finding.kind !== 'failed'
  const { signal } = lookUp
  const result = await attemptInTurn(attempts, { isGood, headStartMs, clock, signal })
  return 'good' in result ? result.good : summarise(result.bad)
}

/** In random order, so that no server of the zone carries all, the ones over IPv4 first. */
function pick(endpoints: readonly Endpoint[], random: Random): Endpoint[] {
  const rank = new Map(endpoints.map((endpoint) => [endpoint, random.fraction()]))
  const isSix = ({ address }: Endpoint): number => (address.includes(':') ? 1 : 0)
  const inOrder = [...endpoints].sort(
    (a, b) => isSix(a) - isSix(b) || (rank.get(a) ?? 0) - (rank.get(b) ?? 0),
  )
  return inOrder.slice(0, MAX_ASKED)
}

function isSilent(finding: Finding): finding is Failed {
  return finding.kind === 'failed' && finding.silence !== undefined
}

async function askOnce(
  endpoint: Endpoint,
  { query, zone }: AskedZone,
  { lookUp, options }: Context,
): Promise<Finding> {
  const heard = await options.exchange(endpoint, query, lookUp)
  return readAuthoritative(heard, { query, zone })
}

async function askPatiently(
  endpoint: Endpoint,
  { asked, lookUp, options }: Context & { asked: AskedZone },
): Promise<Finding> {
  for (let tries = 1; ; tries++) {
    const finding = await askOnce(endpoint, asked, { lookUp, options })
    if (!isSilent(finding) || tries >= options.tries) return finding
  }
}

async function locate(
  zone: Delegation,
  lookUp: LookUp,
  options: ZoneWalkOptions & { limit: number },
): Promise<Delegation> {
  const { guide, cache, limit } = options
  if (lookUp.depth >= MAX_DEPTH) return zone
  const lost = zone.servers.filter(({ endpoints }) => endpoints === undefined).slice(0, limit)
  if (lost.length === 0) return zone
  const found = new Map(
    await Promise.all(
      lost.map(async ({ name }) => [name, await guide.locate(name, lookUp)] as const),
    ),
  )
  const servers = zone.servers.map((server) => {
    const records = found.get(server.name) ?? []
    return records.length > 0 ? { ...server, endpoints: endpointsOf(records, options) } : server
  })
  const located = { ...zone, servers }
  cache.amend(located)
  return located
}

/**
 * The SOA record's owner is the apex, and a server says it in what it denies too. A name that is an
 * alias has no SOA record, but neither is it an apex: its zone is that of the name above.
 */
async function findZone(
  name: string,
  { walk, lookUp, options }: Context & { walk: ZoneWalk },
): Promise<Delegation | undefined> {
  const { finding, zone } = await walk.ask({ name, type: 'SOA' }, lookUp)
  if (zone === undefined) return undefined
  if (finding.kind === 'alias') {
    const above = name.slice(name.indexOf('.') + 1)
    if (above === name || !isWithin(above, zone.apex) || above === zone.apex) return zone
    return findZone(above, { walk, lookUp, options })
  }
  const apex = apexOf(finding)
  if (apex === undefined || apex === zone.apex || !isWithin(apex, zone.apex)) return zone
  return (await findDelegation(apex, zone, { lookUp, options })) ?? zone
}

function apexOf(finding: Finding): string | undefined {
  if (finding.kind === 'absent') return finding.apex
  return finding.kind === 'records' ? finding.records[0]?.name : undefined
}

/** Servers that hold the zone above too answer without ever referring below. */
async function findDelegation(
  apex: string,
  zone: Delegation,
  { lookUp, options }: Context,
): Promise<Delegation | undefined> {
  const finding = await askZone(zone, { name: apex, type: 'NS' }, { lookUp, options })
  if (finding.kind === 'referral') return enter(finding, zone, options)
  if (finding.kind !== 'records') return undefined
  const known = new Map(zone.servers.map((server) => [server.name, server]))
  const below = delegationBy(finding.records, apex)
  return { ...below, servers: below.servers.map((server) => known.get(server.name) ?? server) }
}
