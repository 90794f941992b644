import type { Hostname } from '#domain/hostname.ts'

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
 * minute ago, RFC 2308) never delays a customer. Nothing but delegations is kept. Whoever owns a zone
 * decides whom we ask and how long we wait, so all of it is bounded: time, messages and their size,
 * aliases, zone cuts, servers, addresses.
 */
export function createAuthoritativeResolver(
  options: AuthoritativeResolverOptions,
): AuthoritativeResolver {
  const { ask, survey, checkDnssec } = openWays(options)
  const { clock, addressRule, deadlineMs = 8_000 } = options
  const begin = (signal: AbortSignal): LookUp => {
    signal.throwIfAborted()
    const deadlineAt = clock.now() + deadlineMs
    return { signal, deadlineAt, budget: { messages: MAX_MESSAGES }, depth: 0, isFresh: false }
  }
  const asker = (signal: AbortSignal): AskFor => {
    const lookUp = begin(signal)
    return async (name, type) =>
      isLoopback(name) ? findLoopback(name, type) : ask({ name, type }, lookUp)
  }
  return {
    async resolveAddresses(name, signal) {
      return findAddresses(asker(signal), name, addressRule)
    },
    async resolveCname(name, signal) {
      return followCname(asker(signal), name)
    },
    async resolveTxt(name, signal) {
      return outcomeOf(await findThroughAliases(asker(signal), name, 'TXT'))
    },
    async findCaa(name, signal) {
      return climbForCaa(asker(signal), name)
    },
    async survey(name, type, signal) {
      if (isLoopback(name)) return { zone: undefined, servers: [] }
      return survey({ name, type }, { ...begin(signal), isFresh: true })
    },
    async checkDnssec(name, signal) {
      return isLoopback(name) ? 'unknown' : checkDnssec(name, begin(signal))
    },
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
