import { getServers } from 'node:dns'
import { isIPv6 } from 'node:net'

import type { Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import { parseNameServer } from '#lib/setting-forms.ts'

import {
  findAddresses,
  findThroughAliases,
  followCname,
  outcomeOf,
  type AskFor,
} from './aliases.ts'
import { climbForCaa } from './caa.ts'
import { createDelegationCache, type Delegation } from './delegation.ts'
import { createExchange, type Endpoint } from './exchange.ts'
import { summarise, type Finding } from './finding.ts'
import { createRecursiveGuide, createRootGuide, type Ask, type LookUp } from './guide.ts'
import { attemptInTurn } from './in-turn.ts'
import { watchReach, type Reach } from './reach.ts'
import type { AuthoritativeResolver, DnsAddress, Survey } from './resolver.ts'
import { isAnswered, surveyUpstreams, surveyZone } from './survey.ts'
import { createUpstreams, type Upstreams } from './upstreams.ts'
import { createZoneWalk, type ZoneWalk } from './zone-walk.ts'

export interface AuthoritativeResolverOptions {
  /**
   * `ip:port` or `[ip]:port` of recursive servers: they say which servers are authoritative, whether
   * a name is bogus, and what is to be known where authoritative servers cannot be reached. Empty:
   * the system's.
   */
  servers: readonly string[]
  /** `ip:port` or `[ip]:port` of root servers: where given, look-ups begin there. @default none */
  roots?: readonly string[]
  clock: Clock
  random: Random
  /** Where authoritative servers listen, but for the roots. @default 53 */
  authoritativePort?: number
  /** For one message to an authoritative server, in milliseconds; a recursive one gets twice as long. @default 1500 */
  timeoutMs?: number
  /** How often a silent server is asked. @default 2 */
  tries?: number
  /** For one look-up, in milliseconds. @default 8000 */
  deadlineMs?: number
}

/** In one look-up, retries included. */
const MAX_MESSAGES = 64

/**
 * Asks authoritative servers, so that what a recursive server keeps (that a name was not there a
 * minute ago, RFC 2308) never delays a customer. Nothing but delegations is kept. Whoever owns a zone
 * decides whom we ask and how long we wait, so all of it is bounded: time, messages and their size,
 * aliases, zone cuts, servers, addresses.
 */
export function createAuthoritativeResolver(
  options: AuthoritativeResolverOptions,
): AuthoritativeResolver {
  const { ask, survey, upstreams } = options.roots?.length
    ? fromRoots(options)
    : fromUpstreams(options)
  const { clock, deadlineMs = 8_000 } = options
  const begin = (signal: AbortSignal): LookUp => {
    signal.throwIfAborted()
    const deadlineAt = clock.now() + deadlineMs
    return { signal, deadlineAt, budget: { messages: MAX_MESSAGES }, depth: 0, isFresh: false }
  }
  const asker = (signal: AbortSignal): AskFor => {
    const lookUp = begin(signal)
    return (name, type) => ask({ name, type }, lookUp)
  }
  return {
    async resolveAddresses(name, signal) {
      if (isLoopback(name)) return { outcome: 'found', values: LOOPBACK }
      return findAddresses(asker(signal), name)
    },
    async resolveCname(name, signal) {
      return isLoopback(name) ? { outcome: 'nodata' } : followCname(asker(signal), name)
    },
    async resolveTxt(name, signal) {
      if (isLoopback(name)) return { outcome: 'nodata' }
      return outcomeOf(await findThroughAliases(asker(signal), name, 'TXT'))
    },
    async findCaa(name, signal) {
      return isLoopback(name) ? { outcome: 'none' } : climbForCaa(asker(signal), name)
    },
    async survey(name, type, signal) {
      if (isLoopback(name)) return { zone: undefined, servers: [] }
      return survey({ name, type }, { ...begin(signal), isFresh: true })
    },
    async checkDnssec(name, signal) {
      return isLoopback(name) ? 'unknown' : upstreams.checkDnssec(name, begin(signal))
    },
  }
}

const LOOPBACK: readonly DnsAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
]

function isLoopback(name: Hostname): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** The ways to an answer. */
interface Ways {
  ask: Ask
  survey(asked: SurveyQuery, lookUp: LookUp): Promise<Survey>
  upstreams: Upstreams
}

type SurveyQuery = Parameters<typeof surveyZone>[0]

function fromRoots(options: AuthoritativeResolverOptions): Ways {
  const cache = createDelegationCache(options)
  const endpoints = (options.roots ?? []).map(endpointOf)
  const root: Delegation = { apex: '', servers: [{ name: '', endpoints }], ttl: 0 }
  const ask: Ask = async (query, lookUp) => (await walk.ask(query, lookUp)).finding
  const guide = createRootGuide(root, { cache, ask })
  const walk = createZoneWalk({ ...walkSettings(options), guide, cache })
  return {
    ask,
    survey: (asked, lookUp) => surveyZone(asked, { walk, lookUp }),
    upstreams: buildUpstreams(options),
  }
}

function fromUpstreams(options: AuthoritativeResolverOptions): Ways {
  const { clock } = options
  const cache = createDelegationCache(options)
  const upstreams = buildUpstreams(options)
  const guide = createRecursiveGuide(upstreams.ask, { cache })
  const settings = walkSettings(options)
  const reach = watchReach(settings.exchange, clock)
  const walk = createZoneWalk({ ...settings, exchange: reach.exchange, guide, cache })
  const parts = { walk, upstreams, reach, clock, patienceMs: settings.patienceMs }
  return {
    ask: (query, lookUp) => askEither(query, lookUp, parts),
    survey: (asked, lookUp) => surveyEither(asked, lookUp, parts),
    upstreams,
  }
}

interface Both {
  walk: ZoneWalk
  upstreams: Upstreams
  reach: Reach
  clock: Clock
  /** How long authoritative servers are waited for before the recursive ones are asked too. */
  patienceMs: number
}

async function askEither(...[query, lookUp, parts]: [...Parameters<Ask>, Both]): Promise<Finding> {
  const { walk, upstreams, reach, clock, patienceMs } = parts
  const askUpstreams = (signal: AbortSignal): Promise<Finding> =>
    upstreams.ask(query, { ...lookUp, signal })
  if (reach.isBlocked()) return askUpstreams(lookUp.signal)
  const askDirectly = async (signal: AbortSignal): Promise<Finding> =>
    (await walk.ask(query, { ...lookUp, signal })).finding
  const result = await attemptInTurn([askDirectly, askUpstreams], {
    isGood: (finding) => finding.kind !== 'failed',
    headStartMs: patienceMs,
    clock,
    signal: lookUp.signal,
  })
  return 'good' in result ? result.good : summarise(result.bad)
}

async function surveyEither(
  asked: SurveyQuery,
  lookUp: LookUp,
  { walk, upstreams, reach }: Both,
): Promise<Survey> {
  const nothing: Survey = { zone: undefined, servers: [] }
  const survey = reach.isBlocked() ? nothing : await surveyZone(asked, { walk, lookUp })
  if (isAnswered(survey.servers)) return survey
  const servers = await surveyUpstreams(asked, { upstreams, lookUp })
  return survey.servers.length === 0 || isAnswered(servers) ? { ...survey, servers } : survey
}

function walkSettings(options: AuthoritativeResolverOptions) {
  const { clock, random, authoritativePort = 53, timeoutMs = 1_500, tries = 2 } = options
  return {
    exchange: createExchange({ clock, random, timeoutMs }),
    clock,
    random,
    port: authoritativePort,
    tries,
    headStartMs: timeoutMs / 3,
    patienceMs: 1.5 * timeoutMs,
  }
}

function buildUpstreams(options: AuthoritativeResolverOptions): Upstreams {
  const { clock, random, timeoutMs = 1_500, tries = 2 } = options
  const servers = options.servers.length > 0 ? options.servers : systemServers()
  return createUpstreams({
    servers: servers.map(endpointOf),
    exchange: createExchange({ clock, random, timeoutMs: 2 * timeoutMs }),
    clock,
    tries,
    headStartMs: timeoutMs,
  })
}

/** As the system's resolver has them: a bare IPv6 address where the port is 53. */
function systemServers(): string[] {
  return getServers().map((server) => (isIPv6(server) ? `[${server}]` : server))
}

function endpointOf(server: string): Endpoint {
  const [, address = '', port] = /^\[?([^\]]*)\]?:(\d+)$/.exec(parseNameServer(server)) ?? []
  return { address, port: Number(port) }
}
