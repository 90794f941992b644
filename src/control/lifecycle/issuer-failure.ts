import { hasOpenOrder, type IssuanceEvent } from '#domain/issuance.ts'

import type { IssuerError } from '../ca/issuer.ts'
import { hasAlternative } from './order-step.ts'
import { orderDelayMs, outageDelayMs, waitSentence } from './retry-delays.ts'
import { namesOf, type Step, type StepDependencies } from './step.ts'

/**
 * So long a CA that is away, or wants us to wait, keeps an order while another CA could do it. Longer
 * than a restart of theirs; short beside the week that a customer has.
 */
const PATIENCE_MS = 15 * 60_000
/** Between two looks whether a CA is back: the longer it was away, the longer. */
const LONGEST_PAUSE_MS = 15 * 60_000

/** What an error of the CA means for an issuance that has an order there. */
export async function afterIssuerError(
  error: IssuerError,
  step: Step,
  deps: StepDependencies,
): Promise<IssuanceEvent> {
  const { clock, random } = deps
  const { issuance } = step.chain
  const now = clock.now()
  const failures = 'failures' in issuance ? issuance.failures : 0
  const problem = error.message
  switch (error.kind) {
    case 'unknown-order': {
      // At once, but not for ever: a CA may forget each order as soon as it is opened.
      const delay = failures === 0 ? 0 : orderDelayMs(failures, random)
      return { type: 'failed', problem, retryAt: now + delay }
    }
    case 'rejected':
    case 'not-replaceable':
      return {
        type: 'failed',
        problem,
        retryAt: now + orderDelayMs(failures, random),
        ...elsewhere(step, deps),
      }
    case 'rate-limited':
    case 'unavailable':
    case 'busy':
      return wait(error, step, deps)
    default:
      return error.kind satisfies never
  }
}

/**
 * The customer may have placed the token already: an order is not given up for an outage, until that
 * lasts and there is another CA.
 */
async function wait(
  error: IssuerError,
  step: Step,
  deps: StepDependencies,
): Promise<IssuanceEvent> {
  const { clock, random, budget, outages } = deps
  const { issuance } = step.chain
  const { message: problem, retryAfterMs } = error
  const failures = 'failures' in issuance ? issuance.failures : 0
  const now = clock.now()
  const shortestMs = outageDelayMs(failures, random)
  if (!hasOpenOrder(issuance)) {
    return { type: 'failed', problem, retryAt: now + (retryAfterMs ?? shortestMs) }
  }
  const { ca } = issuance.order
  const { awaySince = now } = issuance
  const laterMs = Math.min(Math.max(shortestMs, (now - awaySince) / 4), LONGEST_PAUSE_MS)
  const isLimited = error.kind === 'rate-limited'
  const { hostname } = step.record
  const limited = { ca, hostname, names: namesOf(step.record), retryAfterMs, problem }
  const retryAt = isLimited
    ? await budget.noteLimited(limited)
    : Math.round(now + (retryAfterMs ?? laterMs))
  if (error.kind === 'unavailable') outages.note(ca)
  const knownAwayUntil = retryAfterMs === undefined ? now : retryAt
  const isTooLong = knownAwayUntil - awaySince >= PATIENCE_MS
  const avoid = elsewhere(step, deps)
  if (isTooLong && avoid.avoid !== undefined)
    return { type: 'failed', problem, retryAt: now, ...avoid }
  return {
    type: 'still-waiting',
    retryAt,
    problem: isLimited ? waitSentence(problem, retryAt) : problem,
  }
}

/** The CA that has the order is avoided, where there is another. */
function elsewhere(step: Step, deps: StepDependencies): { avoid?: string } {
  const { issuance } = step.chain
  if (!hasOpenOrder(issuance)) return {}
  const { ca } = issuance.order
  return hasAlternative(ca, step, deps) ? { avoid: ca } : {}
}
