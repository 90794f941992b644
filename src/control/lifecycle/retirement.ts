import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { ManagedChain } from '#domain/managed-chain.ts'
import { ownLookProblems } from '#domain/ownership.ts'

/**
 * Whether a hostname that was served has nothing valid left, and nobody but its customer can help it:
 * its renewal does not get on because the name is not seen to lead here. Until then it is served, and
 * looked at again and again, but never sent to a CA in vain (spec section 2.5).
 */
export function isRunOut(record: CustomHostname, now: number): boolean {
  const { ownership, ssl, chains } = record
  const certificates = chains.flatMap(({ certificate }) => (certificate ? [certificate] : []))
  return (
    ownership.state === 'verified' &&
    ssl?.method !== undefined &&
    certificates.length > 0 &&
    certificates.every(({ notAfter }) => notAfter <= now)
  )
}

/** What is new about a renewal that does not get on; undefined where nothing is. */
export function newRenewalProblem(
  before: CustomHostname,
  after: CustomHostname,
): { keyAlgorithm: string; problem: string; notAfter: number } | undefined {
  for (const { keyAlgorithm, certificate, issuance } of after.chains) {
    const problem = 'problem' in issuance ? issuance.problem : undefined
    const old = before.chains.find((one) => one.keyAlgorithm === keyAlgorithm)?.issuance
    const isKnown = old !== undefined && 'problem' in old && old.problem === problem
    if (certificate && problem !== undefined && !isKnown) {
      return { keyAlgorithm, problem, notAfter: certificate.notAfter }
    }
  }
  return undefined
}

/** What is new about a hostname whose certificates are its customer's own; undefined where nothing is. */
export function newOwnTrouble(
  before: CustomHostname,
  after: CustomHostname,
): { problem?: string; expires?: string } | undefined {
  const [problem] = ownLookProblems(after)
  const isGone = problem !== undefined && ownLookProblems(before).length === 0
  const ending = after.chains.find(
    (chain, at) => isWarned(chain) && !isWarned(before.chains[at] ?? chain),
  )?.certificate
  if (!isGone && !ending) return undefined
  return {
    ...(isGone && { problem }),
    ...(ending && { expires: new Date(ending.notAfter).toISOString() }),
  }
}

function isWarned({ issuance }: ManagedChain): boolean {
  return issuance.state === 'uploaded' && issuance.warnedAt !== undefined
}
