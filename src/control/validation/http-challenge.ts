import type { Hostname } from '#domain/hostname.ts'
import type { OrderChallenge } from '#domain/order.ts'

import type { Resolver } from '../dns/resolver.ts'
import type { ChallengeFinding } from '../lifecycle/inspector.ts'
import { DNS_FAILURES, noUsableAddress } from './dns-failures.ts'
import { familiesOf, judgeFamilies, type FamilyLook } from './family-finding.ts'
import type { FetchWellKnown, WellKnownOutcome, WellKnownRequest } from './well-known-fetch.ts'

export interface HttpChallengeOptions {
  resolver: Resolver
  fetchWellKnown: FetchWellKnown
  /** Who asks: our own look before, or the built-in CA. */
  userAgent: string
}

/** Looks at an http-01 challenge over IPv6 and IPv4 as a CA does (RFC 8555 section 8.3). */
export async function inspectHttpChallenge(
  challenge: OrderChallenge & { hostname: Hostname },
  options: HttpChallengeOptions,
  signal: AbortSignal,
): Promise<ChallengeFinding> {
  const { hostname, token, keyAuthorization } = challenge
  const { fetchWellKnown, userAgent, resolver } = options
  const path = `/.well-known/acme-challenge/${token}`
  const request: WellKnownRequest = { hostname, path, userAgent }
  const found = await resolver.resolveAddresses(hostname, signal)
  if (found.outcome !== 'found') return notReady(DNS_FAILURES[found.outcome](hostname))
  const families = familiesOf(found.values)
  if (families.length === 0) return notReady(noUsableAddress(hostname, found.values))
  const looks = families.map(async (family) => {
    const outcome = await fetchWellKnown({ ...request, family }, signal)
    return lookOf(outcome, { family, request, keyAuthorization })
  })
  return judgeFamilies(await Promise.all(looks))
}

interface Expected {
  family: 4 | 6
  request: WellKnownRequest
  keyAuthorization: string
}

function lookOf(
  outcome: WellKnownOutcome,
  { family, request, keyAuthorization }: Expected,
): FamilyLook {
  const isReached = outcome.from !== undefined
  if (outcome.outcome === 'failed') return { family, isReached, problem: outcome.problem }
  // White space at the end is to be ignored (section 8.3).
  const isRight = outcome.body.trimEnd() === keyAuthorization
  return { family, isReached, problem: isRight ? undefined : otherBody(request, outcome.from) }
}

function otherBody({ hostname, path }: WellKnownRequest, from: WellKnownOutcome['from']): string {
  const at = from ? ` at ${from.address}` : ''
  return `http://${hostname}${path} answered${at} with another body than the expected one.`
}

function notReady(problem: string): ChallengeFinding {
  return { isReady: false, problem }
}
