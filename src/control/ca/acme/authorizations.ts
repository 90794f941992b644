import { CHALLENGE_TYPES, type ChallengeType, type OrderChallenge } from '#domain/order.ts'

import { IssuerError, type OrderRequest } from '../issuer.ts'
import type { Authorization } from './acme-objects.ts'
import { describeProblem, faultOf } from './acme-problem.ts'

/** The CA's reason in one sentence, and whose fault it is. */
export interface Verdict {
  problem: string
  fault: 'name' | 'ca'
}

/**
 * The ways in which what is asked for can still be proved, one of each type that we know; none where
 * it is proved. Nothing is assumed of tokens: CAs give one to a challenge, or one to all.
 *
 * @throws {IssuerError} `rejected` where it is about another name, cannot be proved any more, or in no
 *   way that we know
 */
export function listChallenges(
  authorization: Authorization,
  { request, thumbprint }: { request: OrderRequest; thumbprint: string },
): OrderChallenge[] {
  checkName(authorization, request)
  const { status } = authorization
  if (status === 'valid') return []
  if (status !== 'pending') throw new IssuerError('rejected', verdictOn(authorization).problem)
  const challenges = CHALLENGE_TYPES.flatMap((type) =>
    findChallenge(authorization, { type, hostname: request.hostname, thumbprint }),
  )
  if (challenges.length > 0) return challenges
  const offered = authorization.challenges.map(({ type }) => type.slice(0, 50)).join(', ')
  const message = `The CA offers no way to validate this name that is known here: ${offered || 'none'}.`
  throw new IssuerError('rejected', message)
}

/** Why it is not to be had any more: the CA says so of one of its challenges. */
export function verdictOn({ status, challenges }: Authorization): Verdict {
  const error = challenges.map((challenge) => challenge.error).find((found) => found !== undefined)
  if (error) return { problem: describeProblem(error), fault: faultOf(error) }
  return { problem: `The CA's authorization for this name is ${status}.`, fault: 'ca' }
}

/**
 * Whether the CA looks, or has looked, at a challenge for the same thing. Once that is proved the CA
 * need not tell of any other challenge for it.
 */
export function isBegun(
  challenge: OrderChallenge,
  authorizations: readonly Authorization[],
): boolean {
  const isWildcard = challenge.wildcard === true
  const about = authorizations.filter(
    ({ identifier, wildcard = false }) =>
      identifier.value.toLowerCase() === challenge.identifier && wildcard === isWildcard,
  )
  return about.some(
    ({ status, challenges }) =>
      status !== 'pending' || challenges.some((one) => one.status !== 'pending'),
  )
}

function checkName({ identifier, wildcard = false }: Authorization, request: OrderRequest): void {
  const isOrdered = identifier.value.toLowerCase() === request.hostname
  if (isOrdered && (!wildcard || request.wildcard)) return
  const message = 'The CA wants another name proved than the one that was ordered.'
  throw new IssuerError('rejected', message)
}

/** Wildcards are proved by DNS only (CA/Browser Forum Baseline Requirements section 3.2.2.4). */
function findChallenge(
  { challenges, wildcard = false }: Authorization,
  { type, hostname, thumbprint }: { type: ChallengeType; hostname: string; thumbprint: string },
): OrderChallenge[] {
  const found = challenges.find((one) => one.type === type && one.status !== 'invalid')
  if (found?.token === undefined || (wildcard && type !== 'dns-01')) return []
  const { url, token } = found
  return [
    {
      type,
      identifier: hostname,
      ...(wildcard && { wildcard }),
      url,
      token,
      keyAuthorization: `${token}.${thumbprint}`,
    },
  ]
}
