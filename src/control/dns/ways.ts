import { getServers } from 'node:dns'
import { isIPv6 } from 'node:net'

import { normaliseServerName, type Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import { parseNameServer } from '#lib/setting-forms.ts'

import type { AddressRule } from './address-rule.ts'
import { createDelegationCache, type Delegation } from './delegation.ts'
import { createExchange, type Endpoint } from './exchange.ts'
import { isUnheard, summarise, UNHEARD, type Finding } from './finding.ts'
import {
  createRecursiveGuide,
  createRootGuide,
  type Ask,
  type Guide,
  type LookUp,
} from './guide.ts'
import { attemptInTurn } from './in-turn.ts'
import type { Query } from './message.ts'
import { watchReach, type Reach } from './reach.ts'
import type { Survey } from './resolver.ts'
import { isAnswered, surveyUpstreams, surveyZone, type SurveyQuery } from './survey.ts'
import { createUpstreams, type Upstreams } from './upstreams.ts'
import { createZoneQuestions } from './zone-questions.ts'
import { createZoneWalk, type ZoneWalk, type ZoneWalkOptions } from './zone-walk.ts'

export interface WaysOptions {
  /**
   * `ip:port` or `[ip]:port` of recursive servers: they say which servers are authoritative, whether
   * a name is bogus, and what is to be known where authoritative servers cannot be reached. Empty:
   * the system's.
   */
  servers: readonly string[]
  /** `ip:port` or `[ip]:port` of root servers: where given, look-ups begin there. @default none */
  roots?: readonly string[]
  /** Which addresses of others' hostnames and name servers may be asked; `servers` and `roots` always may. */
  addressRule: AddressRule
  clock: Clock
  random: Random
  /** Where authoritative servers listen, but for the roots. @default 53 */
  authoritativePort?: number
  /** For one message to an authoritative server, in milliseconds; a recursive one gets twice as long. @default 1500 */
  timeoutMs?: number
  /** How often a silent server is asked. @default 2 */
  tries?: number
}

/** The ways to an answer: one question each, aliases not followed. */
export interface Ways {
  ask: Ask
  survey(asked: SurveyQuery, lookUp: LookUp): Promise<Survey>
  checkDnssec: Upstreams['checkDnssec']
}

export function openWays(options: WaysOptions): Ways {
  const upstreams = buildUpstreams(options)
  const { checkDnssec } = upstreams
  const { roots = [] } = options
  return {
    ...(roots.length > 0 ? fromRoots(options) : fromUpstreams(options, upstreams)),
    checkDnssec,
  }
}

/** Look-ups begin at the roots; nobody else is asked. */
function fromRoots(options: WaysOptions): Omit<Ways, 'checkDnssec'> {
  const cache = createDelegationCache(options)
  const endpoints = (options.roots ?? []).map(endpointOf)
  const root: Delegation = { apex: '', servers: [{ name: '', endpoints }], ttl: 0 }
  const settings = walkSettings(options)
  const reach = watchReach(settings.exchange, options.clock)
  const ask: Ask = async (query, lookUp) => {
    const { finding, zone } = await walk.ask(query, lookUp)
    const isOurs = zone === root && isUnheard(finding, { isBlocked: reach.isBlocked() })
    return isOurs ? UNHEARD : finding
  }
  const guide = createRootGuide(root, { cache, ask })
  const walk = createZoneWalk({ ...settings, exchange: reach.exchange, guide, cache })
  return {
    ask,
    async survey(asked, lookUp) {
      const survey = await surveyZone(asked, { walk, lookUp })
      return survey.zone === undefined && !isAnswered(survey.servers) ? asUnheard(survey) : survey
    },
  }
}

/** The roots are all that was left to ask, and they said nothing. */
function asUnheard({ zone, servers }: Survey): Survey {
  return {
    zone,
    servers: servers.map((server) => ({ ...server, answer: { outcome: 'unheard' } })),
  }
}

/**
 * Recursive servers say which zone holds the name and who is authoritative for it; those are asked. A
 * recursive server's own answer counts where they cannot be reached.
 */
function fromUpstreams(options: WaysOptions, upstreams: Upstreams): Omit<Ways, 'checkDnssec'> {
  const { clock } = options
  const cache = createDelegationCache(options)
  const askForZone = createZoneQuestions(upstreams.ask, { clock })
  const guide = createRecursiveGuide(upstreams.ask, { cache, askForZone })
  const settings = walkSettings(options)
  const reach = watchReach(settings.exchange, clock)
  const walk = createZoneWalk({ ...settings, exchange: reach.exchange, guide, cache })
  const parts = { walk, guide, upstreams, reach, clock, patienceMs: settings.patienceMs }
  return {
    ask: (query, lookUp) => askEither(query, { ...parts, lookUp }),
    survey: (asked, lookUp) => surveyEither(asked, { ...parts, lookUp }),
  }
}

interface Both {
  walk: ZoneWalk
  guide: Guide
  upstreams: Upstreams
  reach: Reach
  clock: Clock
  /** How long authoritative servers are waited for before the recursive ones are asked too. */
  patienceMs: number
}

/** What a recursive server denies may be old: that counts only where nobody else says anything. */
async function askEither(
  query: Query,
  { walk, upstreams, reach, clock, patienceMs, lookUp }: Both & { lookUp: LookUp },
): Promise<Finding> {
  const askUpstreams = async (signal: AbortSignal): Promise<Told> => ({
    finding: await upstreams.ask(query, { ...lookUp, signal }),
    isDirect: false,
  })
  const askDirectly = async (signal: AbortSignal): Promise<Told> => ({
    finding: (await walk.ask(query, { ...lookUp, signal })).finding,
    isDirect: true,
  })
  if (reach.isBlocked()) return (await askUpstreams(lookUp.signal)).finding
  const result = await attemptInTurn([askDirectly, askUpstreams], {
    isGood: ({ finding: { kind }, isDirect }) =>
      kind !== 'failed' && (isDirect || kind !== 'absent'),
    headStartMs: patienceMs,
    clock,
    signal: lookUp.signal,
  })
  if ('good' in result) return result.good.finding
  const findings = result.bad.map(({ finding }) => finding)
  return findings.find(({ kind }) => kind === 'absent') ?? summarise(findings)
}

interface Told {
  finding: Finding
  isDirect: boolean
}

async function surveyEither(
  asked: SurveyQuery,
  { walk, guide, upstreams, reach, lookUp }: Both & { lookUp: LookUp },
): Promise<Survey> {
  const survey = reach.isBlocked()
    ? await locateOnly(asked.name, { guide, lookUp })
    : await surveyZone(asked, { walk, lookUp })
  if (isAnswered(survey.servers)) return survey
  const servers = await surveyUpstreams(asked, { upstreams, lookUp })
  return survey.servers.length === 0 || isAnswered(servers) ? { ...survey, servers } : survey
}

async function locateOnly(
  name: Hostname,
  { guide, lookUp }: { guide: Guide; lookUp: LookUp },
): Promise<Survey> {
  const begin = await guide.begin(name, lookUp)
  return { zone: 'kind' in begin ? undefined : normaliseServerName(begin.zone.apex), servers: [] }
}

function walkSettings(options: WaysOptions): WalkSettings {
  const { clock, random, authoritativePort = 53, timeoutMs = 1_500, tries = 2 } = options
  return {
    addressRule: options.addressRule,
    exchange: createExchange({ clock, random, timeoutMs }),
    clock,
    random,
    port: authoritativePort,
    tries,
    headStartMs: timeoutMs / 3,
    patienceMs: 1.5 * timeoutMs,
  }
}

function buildUpstreams(options: WaysOptions): Upstreams {
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

type WalkSettings = Omit<ZoneWalkOptions, 'guide' | 'cache'> & Pick<Both, 'patienceMs'>

/** Bare IP addresses where the port is 53; link-local ones with an interface cannot be asked so. */
function systemServers(): string[] {
  const servers = getServers().filter((server) => !server.includes('%'))
  return servers.map((server) => (isIPv6(server) ? `[${server}]` : server))
}

function endpointOf(server: string): Endpoint {
  const [, address = '', port] = /^\[?([^\]]*)\]?:(\d+)$/.exec(parseNameServer(server)) ?? []
  return { address, port: Number(port) }
}
