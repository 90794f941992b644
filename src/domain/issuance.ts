import type { ChallengeType, Order } from './order.ts'
import { MAX_DCV_ATTEMPTS, validationDelayMs } from './validation.ts'

/**
 * The issuance of one chain of a certificate pack, from due to deployed, and again at renewal:
 *
 *     scheduled ─► ordered ─► validating ─► finalizing ─► deploying ─► issued
 *         ▲           │            │             │                       │ due
 *         └───────────┴── failed ──┴─────────────┘ ◄─────────────────────┘
 *
 * A new hostname and a due renewal go through the same door: `order-opened` from `scheduled` or
 * `issued`. Every waiting state carries `nextAt` (when to act; in `deploying` the deadline) and
 * `failures` (orders failed since the last success).
 */
export type Issuance =
  /**
   * To be ordered at `nextAt`. `attempts`: looks at the challenges of an order that expired. `turn`: its
   * place among the renewals that wait, an instant. `afterSibling`: the CA has one order for both chains
   * of the pack, and the other one has it.
   */
  | ({
      state: 'scheduled'
      attempts?: number
      problem?: string
      turn?: number
      afterSibling?: true
    } & Unproved &
      Trying)
  /** The challenges are shown and answered; we look whether the CA would see them. */
  | ({ state: 'ordered'; attempts: number } & Unproved & Opened)
  /** The CA was told to look; `via`: at challenges of this type. */
  | ({ state: 'validating'; via?: ChallengeType } & Opened)
  /** Authorized. The key exists (sealed, context: `certificateId`); the CA is to sign. */
  | ({
      state: 'finalizing'
      certificateId: string
      /** Base64. */
      sealedKey: string
    } & Opened)
  /** Stored; the publication `serial` carries it to the edges. Overdue at `nextAt`. */
  | ({
      state: 'deploying'
      certificateId: string
      serial: number
      /** Absent: the caller's own, and not ours to renew. */
      renewAt?: number
      /** When to ask the CA when to renew. */
      checkAt?: number
    } & Waiting)
  /** Served everywhere; at `nextAt` it is to be renewed, or the CA to be asked when to. */
  | ({
      state: 'issued'
      certificateId: string
      renewAt: number
      renewalInfo?: RenewalInfo
    } & Waiting)
  /** The caller's own certificate, served everywhere: nothing is due. */
  | {
      state: 'uploaded'
      certificateId: string
      /** When its owner was told that it is about to end. */
      warnedAt?: number
    }
  /** Given up until someone asks again. */
  | { state: 'timed_out'; phase: IssuancePhase; since: number; problem: string }

interface Waiting {
  nextAt: number
  failures: number
}

/** `failures`: orders that came to nothing since the last success. */
interface Trying extends Waiting {
  /** When the first of them failed. */
  failingSince?: number
  /** CAs that failed us since then: others go before them. */
  avoid?: readonly string[]
}

interface Unproved {
  /** Looks before somebody asked to look again were in vain. */
  wasUnready?: true
  /** It would be tried at once if the ownership were proved. */
  awaitsProof?: true
}

interface Opened extends Trying {
  order: Order
  since: number
  /** Since when the CA has not answered, or has told us to wait. */
  awaySince?: number
  /** Why it does not get on: the name is not ready, or the CA is away. */
  problem?: string
}

/** What the CA said of when to renew (RFC 9773 section 4.2). */
export interface RenewalInfo {
  window: { start: number; end: number }
  /** A page about why, for people. */
  explanationUrl?: string
}

export type IssuancePhase = 'initializing' | 'validation' | 'issuance' | 'deployment'

export type IssuanceEvent =
  | { type: 'order-opened'; order: Order }
  /** Our own look showed that the CA would not accept it yet. */
  | { type: 'not-ready'; problem: string }
  | { type: 'validation-begun'; via?: ChallengeType }
  /** The CA is still at it or, with a `problem`, away: the order is as it was. */
  | { type: 'still-waiting'; retryAt: number; problem?: string }
  /** Nothing failed: a limit of the CA is used up until then; without a problem it waits its turn. */
  | {
      type: 'deferred'
      problem?: string
      retryAt: number
      turn?: number
      afterSibling?: true
      awaitsProof?: true
    }
  | { type: 'authorized'; certificateId: string; sealedKey: string }
  | { type: 'signed'; certificateId: string; serial: number; renewAt: number; checkAt?: number }
  | { type: 'deployed' }
  /** The CA was asked when to renew, and said so or not; it is asked again at `checkAt`. */
  | { type: 'renewal-info'; renewAt: number; checkAt: number; renewalInfo?: RenewalInfo }
  /** The CA forgot the order before its challenges were answered: the next shows new ones. */
  | { type: 'order-expired' }
  /** The order is lost, whatever the reason; a new one at `retryAt`, elsewhere than at `avoid`. */
  | { type: 'failed'; problem: string; retryAt: number; avoid?: string }
  /** Whose name it is was proved, or is open again: what waits for that need not wait on. */
  | { type: 'hastened' }
  /** The caller asks to try again now. */
  | { type: 'restart' }

/** Edges that have not applied a change by then are reported as `deployment_timed_out`. */
export const DEPLOYMENT_DEADLINE_MS = 30 * 60_000

/** So long orders may fail one after the other: as long as a validation may take (spec section 2.4). */
export const FAILING_LIMIT_MS = 14.5 * 86_400_000
/** And so many of them, some hours' worth: time alone is no reason, as a clock may jump. */
const FAILING_LEAST = 8

export function newIssuance(now: number): Issuance {
  return { state: 'scheduled', nextAt: now, failures: 0 }
}

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

/** Whether an order that this issuance has is of any use at `now`. */
export function hasOpenOrder(
  issuance: Issuance,
): issuance is Extract<Issuance, { state: 'ordered' | 'validating' | 'finalizing' }> {
  return ['ordered', 'validating', 'finalizing'].includes(issuance.state)
}

/** When to act on it next; undefined where only an event from outside moves it. */
export function issuanceDueAt(issuance: Issuance): number | undefined {
  switch (issuance.state) {
    case 'deploying':
    case 'uploaded':
    case 'timed_out':
      return undefined
    default:
      return issuance.nextAt
  }
}

type StateOf<State extends Issuance['state']> = Extract<Issuance, { state: State }>
type EventOf<Type extends IssuanceEvent['type']> = Extract<IssuanceEvent, { type: Type }>

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
      const { awaitsProof: _, ...rest } = issuance
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
  const turn = issuance.state === 'scheduled' ? issuance.turn : undefined
  return { state: 'scheduled', nextAt: retryAt, ...kept, ...(turn !== undefined && { turn }) }
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

/** Whether looks were in vain so far, whoever asked for more of them. */
export function isUnvalidated(issuance: Issuance): boolean {
  if (issuance.state === 'timed_out') return issuance.phase === 'validation'
  if (issuance.state !== 'scheduled' && issuance.state !== 'ordered') return false
  return (issuance.attempts ?? 0) > 0 || issuance.wasUnready === true
}

function unreadyMark(issuance: Issuance): Unproved {
  return isUnvalidated(issuance) ? { wasUnready: true } : {}
}

/** The mark goes from order to order. */
function markOf(issuance: Issuance): Unproved {
  return 'wasUnready' in issuance && issuance.wasUnready ? { wasUnready: true } : {}
}
