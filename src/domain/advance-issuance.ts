import {
  hasOpenOrder,
  isUnvalidated,
  newIssuance,
  type EventOf,
  type Issuance,
  type IssuanceEvent,
  type IssuancePhase,
  type Opened,
  type StateOf,
  type Trying,
  type Unproved,
} from './issuance.ts'
import type { Order } from './order.ts'
import { MAX_DCV_ATTEMPTS, validationDelayMs } from './validation.ts'

/** Edges that have not applied a change by then are reported as `deployment_timed_out`. */
export const DEPLOYMENT_DEADLINE_MS = 30 * 60_000

/** So long orders may fail one after the other: as long as a validation may take (spec section 2.4). */
export const FAILING_LIMIT_MS = 14.5 * 86_400_000
/** And so many of them, some hours' worth: time alone is no reason, as a clock may jump. */
const FAILING_LEAST = 8

/** Pure and total: an event that has no meaning in a state (a late answer) leaves it as it is. */
export function advance(issuance: Issuance, event: IssuanceEvent, now: number): Issuance {
  switch (event.type) {
    case 'order-opened':
      return openOrder(issuance, event.order, now)
    case 'not-ready':
      return issuance.state === 'ordered' ? retryValidation(issuance, event.problem, now) : issuance
    case 'validation-begun':
      if (issuance.state !== 'ordered') return issuance
      return {
        ...pick(issuance),
        state: 'validating',
        nextAt: now,
        ...(event.via && { via: event.via }),
      }
    case 'still-waiting':
      return hasOpenOrder(issuance) ? keepWaiting(issuance, event, now) : issuance
    case 'deferred':
      return defer(issuance, event)
    case 'authorized':
      if (issuance.state !== 'ordered' && issuance.state !== 'validating') return issuance
      return {
        ...pick(issuance),
        state: 'finalizing',
        nextAt: now,
        certificateId: event.certificateId,
        sealedKey: event.sealedKey,
      }
    case 'signed':
      return issuance.state === 'finalizing' ? deploy(event, now) : issuance
    case 'deployed':
      return isDeployable(issuance) ? settle(issuance) : issuance
    case 'renewal-info':
      return issuance.state === 'issued' ? planRenewal(issuance, event) : issuance
    case 'order-expired':
      return issuance.state === 'ordered' ? reorder(issuance, now) : issuance
    case 'failed':
      return fail(issuance, event, now)
    case 'hastened':
      return hasten(issuance, now)
    case 'restart':
      return restart(issuance, now)
    default:
      return event satisfies never
  }
}

/** What goes on to the next state of the same order; that the CA was away is over with it. */
function pick(opened: Opened): Omit<Opened, 'nextAt' | 'awaySince' | 'problem'> {
  const { order, since, failures } = opened
  return { order, since, failures, ...historyOf(opened) }
}

/** What is remembered from order to order until one succeeds. */
function historyOf(trying: Partial<Trying>): Pick<Trying, 'avoid' | 'failingSince'> {
  const { avoid, failingSince } = trying
  return { ...(avoid && { avoid }), ...(failingSince !== undefined && { failingSince }) }
}

function openOrder(issuance: Issuance, order: Order, now: number): Issuance {
  if (issuance.state !== 'scheduled' && issuance.state !== 'issued') return issuance
  const attempts = issuance.state === 'scheduled' ? (issuance.attempts ?? 0) : 0
  const { failures } = issuance
  const kept = { order, since: now, failures, ...historyOf(issuance), ...markOf(issuance) }
  return { ...kept, state: 'ordered', attempts, nextAt: now }
}

function keepWaiting(
  issuance: StateOf<'ordered' | 'validating' | 'finalizing'>,
  { retryAt, problem }: EventOf<'still-waiting'>,
  now: number,
): Issuance {
  const { awaySince, problem: _, ...rest } = issuance
  if (problem !== undefined) {
    return { ...rest, nextAt: retryAt, awaySince: Math.min(awaySince ?? now, now), problem }
  }
  return { ...(awaySince === undefined ? issuance : rest), nextAt: retryAt }
}

function defer(issuance: Issuance, event: EventOf<'deferred'>): Issuance {
  const { problem, retryAt, turn, afterSibling, awaitsProof } = event
  const known = {
    ...(problem && { problem }),
    nextAt: retryAt,
    ...(awaitsProof && { awaitsProof }),
  }
  const place = { ...(turn !== undefined && { turn }), ...(afterSibling && { afterSibling }) }
  switch (issuance.state) {
    case 'scheduled': {
      const { awaitsProof: _, afterSibling: _sibling, ...rest } = issuance
      return { ...rest, ...known, ...place }
    }
    case 'ordered': {
      const { awaitsProof: _, ...rest } = issuance
      return { ...rest, ...known }
    }
    case 'issued':
      return { state: 'scheduled', ...known, ...place, failures: issuance.failures }
    default:
      return issuance
  }
}

function planRenewal(issued: StateOf<'issued'>, event: EventOf<'renewal-info'>): Issuance {
  const { renewAt, checkAt, renewalInfo = issued.renewalInfo } = event
  const nextAt = Math.min(renewAt, checkAt)
  return { ...issued, renewAt, nextAt, ...(renewalInfo && { renewalInfo }) }
}

/** Neither the back-off nor the time-out begins anew with new tokens. */
function reorder(ordered: StateOf<'ordered'>, now: number): Issuance {
  const { failures, attempts, problem } = ordered
  const kept = { ...(problem && { problem }), ...historyOf(ordered), ...markOf(ordered) }
  return { state: 'scheduled', nextAt: now, failures, attempts, ...kept }
}

function retryValidation(ordered: StateOf<'ordered'>, problem: string, now: number): Issuance {
  const attempts = ordered.attempts + 1
  if (attempts > MAX_DCV_ATTEMPTS) {
    return { state: 'timed_out', phase: 'validation', since: now, problem }
  }
  return { ...ordered, attempts, problem, nextAt: now + validationDelayMs(ordered.attempts) }
}

function deploy(event: EventOf<'signed'>, now: number): Issuance {
  const { type: _, ...plan } = event
  return { state: 'deploying', ...plan, nextAt: now + DEPLOYMENT_DEADLINE_MS, failures: 0 }
}

function isDeployable(issuance: Issuance): issuance is StateOf<'deploying'> {
  return issuance.state === 'deploying'
}

function settle({ certificateId, renewAt, checkAt }: StateOf<'deploying'>): Issuance {
  if (renewAt === undefined) return { state: 'uploaded', certificateId }
  const nextAt = Math.min(renewAt, checkAt ?? renewAt)
  return { state: 'issued', certificateId, renewAt, nextAt, failures: 0 }
}

function fail(issuance: Issuance, event: EventOf<'failed'>, now: number): Issuance {
  if (!isTried(issuance)) return issuance
  const { problem, retryAt } = event
  const { avoid = [], failingSince: since = now } = historyOf(issuance)
  // In the future: the clock was set back.
  const failingSince = Math.min(since, now)
  const failures = issuance.failures + 1
  if (now - failingSince >= FAILING_LIMIT_MS && failures >= FAILING_LEAST) {
    return { state: 'timed_out', phase: PHASE_OF[issuance.state], since: now, problem }
  }
  const avoided = [...new Set([...avoid, ...(event.avoid === undefined ? [] : [event.avoid])])]
  const kept = { failures, failingSince, problem, ...(avoided.length > 0 && { avoid: avoided }) }
  return { state: 'scheduled', nextAt: retryAt, ...kept, ...placeOf(issuance) }
}

/** What an order that was not even opened leaves as it was: the turn, and what of looks was in vain. */
function placeOf(
  issuance: Issuance,
): Pick<StateOf<'scheduled'>, 'turn' | 'attempts' | 'wasUnready'> {
  if (issuance.state !== 'scheduled') return {}
  const { turn, attempts } = issuance
  return {
    ...(turn !== undefined && { turn }),
    ...(attempts !== undefined && { attempts }),
    ...markOf(issuance),
  }
}

const PHASE_OF = {
  scheduled: 'initializing',
  issued: 'initializing',
  ordered: 'validation',
  validating: 'validation',
  finalizing: 'issuance',
} as const satisfies Partial<Record<Issuance['state'], IssuancePhase>>

function isTried(
  issuance: Issuance,
): issuance is StateOf<'scheduled' | 'ordered' | 'validating' | 'finalizing' | 'issued'> {
  return issuance.state === 'scheduled' || issuance.state === 'issued' || hasOpenOrder(issuance)
}

function hasten(issuance: Issuance, now: number): Issuance {
  return 'awaitsProof' in issuance
    ? { ...issuance, nextAt: Math.min(issuance.nextAt, now) }
    : issuance
}

function restart(issuance: Issuance, now: number): Issuance {
  switch (issuance.state) {
    case 'ordered':
      return { ...issuance, attempts: 0, nextAt: now, ...unreadyMark(issuance) }
    case 'scheduled': {
      const { avoid: _, failingSince: _since, ...rest } = issuance
      const looks = issuance.attempts && { attempts: 0, ...unreadyMark(issuance) }
      return { ...rest, nextAt: now, ...looks }
    }
    case 'validating':
    case 'finalizing':
      return issuance.awaySince === undefined ? issuance : { ...issuance, nextAt: now }
    case 'timed_out':
      return { ...newIssuance(now), ...unreadyMark(issuance) }
    default:
      return issuance
  }
}

function unreadyMark(issuance: Issuance): Unproved {
  return isUnvalidated(issuance) ? { wasUnready: true } : {}
}

/** The mark goes from order to order. */
function markOf(issuance: Issuance): Unproved {
  return 'wasUnready' in issuance && issuance.wasUnready ? { wasUnready: true } : {}
}
