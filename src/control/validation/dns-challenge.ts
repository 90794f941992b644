import { normaliseServerName, type Hostname } from '#domain/hostname.ts'
import type { OrderChallenge } from '#domain/order.ts'

import { TXT_LABEL, txtNameOf, txtValueOf } from '../ca/key-authorization.ts'
import type { AuthoritativeResolver } from '../dns/resolver.ts'
import type { ChallengeFinding } from '../lifecycle/inspector.ts'
import { judgeTxt } from './judge-txt.ts'
import { findMisplaced, hasValue, listWrongNames, surveyTxt } from './txt-survey.ts'

export interface DnsChallengeOptions {
  resolver: AuthoritativeResolver
  /** Name of our own delegation zone; undefined: there is none. */
  dcvZone?: string | undefined
}

/**
 * Looks at a dns-01 challenge (RFC 8555 section 8.4) at every authoritative server: a CA may ask any
 * of them, from several places at once, and one that lags behind fails the name.
 */
export async function inspectDnsChallenge(
  challenge: OrderChallenge & { hostname: Hostname },
  { resolver, dcvZone }: DnsChallengeOptions,
  signal: AbortSignal,
): Promise<ChallengeFinding> {
  const name = normaliseServerName(txtNameOf(challenge.hostname))
  if (name === undefined) {
    return notReady(`${challenge.hostname} is too long for a record below it.`)
  }
  const value = txtValueOf(challenge.keyAuthorization)
  const [survey, dnssec] = await Promise.all([
    surveyTxt(name, resolver, signal),
    resolver.checkDnssec(name, signal),
  ])
  if (dnssec === 'bogus') {
    return notReady(
      `The DNSSEC signatures of ${name} do not hold, so no CA will believe its records: have them renewed, or the DS record removed.`,
    )
  }
  const isAnywhere = survey.servers.some((server) => hasValue(server, value))
  const names = listWrongNames(name, { prefix: TXT_LABEL, zone: survey.zone })
  const misplaced = isAnywhere ? undefined : await findMisplaced(value, { names, resolver }, signal)
  const problem = judgeTxt({ survey, value, misplaced, dcvZone })
  return problem === undefined ? { isReady: true } : notReady(problem)
}

function notReady(problem: string): ChallengeFinding {
  return { isReady: false, problem }
}
