import type { ChallengeType, Order } from './order.ts'

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
export interface Trying extends Waiting {
  /** When the first of them failed. */
  failingSince?: number
  /** CAs that failed us since then: others go before them. */
  avoid?: readonly string[]
}

export interface Unproved {
  /** Looks before somebody asked to look again were in vain. */
  wasUnready?: true
  /** It would be tried at once if the ownership were proved. */
  awaitsProof?: true
}

export interface Opened extends Trying {
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

export function newIssuance(now: number): Issuance {
  return { state: 'scheduled', nextAt: now, failures: 0 }
}

/** Whether an order that this issuance has is of any use at `now`. */
export function hasOpenOrder(
  issuance: Issuance,
): issuance is Extract<Issuance, { state: 'ordered' | 'validating' | 'finalizing' }> {
  return ['ordered', 'validating', 'finalizing'].includes(issuance.state)
}

/** The order that it has now, of whatever use that is. */
export function orderOf(issuance: Issuance): Order | undefined {
  return 'order' in issuance ? issuance.order : undefined
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

export type StateOf<State extends Issuance['state']> = Extract<Issuance, { state: State }>
export type EventOf<Type extends IssuanceEvent['type']> = Extract<IssuanceEvent, { type: Type }>

/** Whether looks were in vain so far, whoever asked for more of them. */
export function isUnvalidated(issuance: Issuance): boolean {
  if (issuance.state === 'timed_out') return issuance.phase === 'validation'
  if (issuance.state !== 'scheduled' && issuance.state !== 'ordered') return false
  return (issuance.attempts ?? 0) > 0 || issuance.wasUnready === true
}
