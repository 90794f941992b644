import { normaliseServerName } from '#domain/hostname.ts'
import type { OrderChallenge } from '#domain/issuance.ts'

import type { ChallengeFinding } from '../lifecycle/inspector.ts'
import type { FetchWellKnown } from './well-known-fetch.ts'

export interface ChallengeCheckOptions {
  fetchWellKnown: FetchWellKnown
  /** Who asks: our own look before, or the built-in CA. */
  userAgent: string
}

export type ChallengeCheck = (
  challenge: OrderChallenge,
  signal: AbortSignal,
) => Promise<ChallengeFinding>

/** Looks at an http-01 challenge as a CA does (RFC 8555 section 8.3). Rejects only when aborted. */
export function createChallengeCheck(options: ChallengeCheckOptions): ChallengeCheck {
  const { fetchWellKnown, userAgent } = options
  return async ({ type, identifier, token, keyAuthorization }, signal) => {
    const hostname = normaliseServerName(identifier)
    if (type !== 'http-01' || hostname === undefined) {
      return notReady(`A challenge of type ${type} for ${identifier} cannot be checked by HTTP.`)
    }
    const path = `/.well-known/acme-challenge/${token}`
    const found = await fetchWellKnown({ hostname, path, userAgent }, signal)
    if (found.outcome === 'failed') return notReady(found.problem)
    // White space at the end is to be ignored (section 8.3).
    if (found.body.trimEnd() === keyAuthorization) return { isReady: true }
    return notReady(`http://${hostname}${path} answered with another body than the expected one.`)
  }
}

function notReady(problem: string): ChallengeFinding {
  return { isReady: false, problem }
}
