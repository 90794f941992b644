import type { Hostname } from '#domain/hostname.ts'
import { startDeadline } from '#lib/deadline.ts'

import {
  findAddresses,
  findThroughAliases,
  followCname,
  outcomeOf,
  type AskFor,
} from './aliases.ts'
import { climbForCaa } from './caa.ts'
import type { Finding } from './finding.ts'
import type { LookUp } from './guide.ts'
import type { AuthoritativeResolver, SurveyType } from './resolver.ts'
import { openWays, type WaysOptions } from './ways.ts'

export interface AuthoritativeResolverOptions extends WaysOptions {
  /** For one look-up, in milliseconds. @default 8000 */
  deadlineMs?: number
}

/** In one look-up, retries included. */
const MAX_MESSAGES = 64

/**
 * Asks authoritative servers, so that what a recursive server keeps (that a name was not there a
 * minute ago, RFC 2308) never delays a customer. Nothing but delegations is kept, and for seconds that
 * a name has none. Whoever owns a zone decides whom we ask and how long we wait, so all of it is
 * bounded: time, messages and their size, aliases, zone cuts, servers, addresses.
 */
export function createAuthoritativeResolver(
  options: AuthoritativeResolverOptions,
): AuthoritativeResolver {
  const { ask, survey, checkDnssec } = openWays(options)
  const lookUp = createLookUps(options)
  const askFor =
    (limits: LookUp): AskFor =>
    async (name, type) =>
      isLoopback(name) ? findLoopback(name, type) : ask({ name, type }, limits)
  return {
    resolveAddresses: (name, signal) =>
      lookUp(signal, (limits) => findAddresses(askFor(limits), name, options.addressRule)),
    resolveCname: (name, signal) => lookUp(signal, (limits) => followCname(askFor(limits), name)),
    resolveTxt: (name, signal) =>
      lookUp(signal, async (limits) =>
        outcomeOf(await findThroughAliases(askFor(limits), name, 'TXT')),
      ),
    findCaa: (name, signal) => lookUp(signal, (limits) => climbForCaa(askFor(limits), name)),
    async survey(name, type, signal) {
      if (isLoopback(name)) return { zone: undefined, servers: [] }
      return lookUp(signal, (limits) => survey({ name, type }, { ...limits, isFresh: true }))
    },
    async checkDnssec(name, signal) {
      return isLoopback(name) ? 'unknown' : lookUp(signal, (limits) => checkDnssec(name, limits))
    },
  }
}

type RunLookUp = <Found>(
  signal: AbortSignal,
  work: (lookUp: LookUp) => Promise<Found>,
) => Promise<Found>

/** Each with a time and a budget of its own; what it still asks when it is done is given up. */
function createLookUps({ clock, deadlineMs = 8_000 }: AuthoritativeResolverOptions): RunLookUp {
  return async (signal, work) => {
    signal.throwIfAborted()
    using deadline = startDeadline(deadlineMs, { clock })
    return await work({
      signal,
      timeUp: deadline.signal,
      budget: { messages: MAX_MESSAGES },
      depth: 0,
      isFresh: false,
      whole: { signal, asking: new Map() },
    })
  }
}

function isLoopback(name: Hostname): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

function findLoopback(name: Hostname, type: SurveyType): Finding {
  if (type !== 'A' && type !== 'AAAA') {
    return { kind: 'absent', outcome: 'nodata', apex: undefined }
  }
  const value = type === 'A' ? '127.0.0.1' : '::1'
  return { kind: 'records', records: [{ name, type, ttl: 0, value }] }
}
