import { MAX_OWNERSHIP_ATTEMPTS, MOVED_RETENTION_MS, validationDelayMs } from './validation.ts'

/** Ownership verification: may this zone serve the name (spec sections 2.1 and 3.6). */
export type Ownership =
  /** Awaiting any one proof; looked at again at `nextAt`. */
  | {
      state: 'pending'
      since: number
      attempts: number
      nextAt: number
      errors: readonly string[]
      /** Looks before somebody asked to look again were in vain. */
      wasUnready?: true
    }
  /** Proved. Deployed once the publication with this serial is applied everywhere. */
  | { state: 'verified'; at: number; by: OwnershipProof; serial: number; look?: LookSince }
  /** Not proved in the window, or no longer pointing here; deleted at `nextAt`. */
  | { state: 'moved'; since: number; nextAt: number; errors: readonly string[] }
  /** Removed from the zone, still readable; an edit revives it. */
  | { state: 'deleted'; since: number; errors: readonly string[] }
  /** Held back by an operator or a zone hold; only an edit after the release leaves it. */
  | { state: 'blocked'; since: number; reason: string }

/** Whether it still leads here, where no renewal would tell. */
export interface LookSince {
  /** Why it does not; empty where it does. */
  problems: readonly string[]
  nextAt: number
}

const FIRST_LOOK_MS = 86_400_000
/** What of the time of a `moved` hostname is never jumped over. */
const GRACE_MS = 86_400_000

export type OwnershipProof = 'cname' | 'http' | 'txt' | 'address'

export type OwnershipEvent =
  /** A proof was found; `serial` is the publication that will carry it. */
  | { type: 'proved'; by: OwnershipProof; serial: number }
  /**
   * `begunAt`: when the look began; who asked for another one since then gets it at once. `isOurs`: it
   * could not even be looked for, which shows nothing of the customer.
   */
  | { type: 'not-proved'; errors: readonly string[]; isOurs?: boolean; begunAt?: number }
  /** Looked at again since it was proved. */
  | ({ type: 'looked' } & LookSince)
  /** The time of a `moved` hostname is over. */
  | { type: 'lapsed' }
  /** The customer's side no longer points here, or another zone proved the name later. */
  | { type: 'moved-away'; reason: string }
  | { type: 'blocked'; reason: string }
  /** The caller asks to look again now (an edit, or Refresh): the back-off starts anew. */
  | { type: 'restart' }

export function newOwnership(now: number): Ownership {
  return { state: 'pending', since: now, attempts: 0, nextAt: now, errors: [] }
}

/** Pure and total: an event that has no meaning in a state leaves it as it is. */
export function advanceOwnership(
  ownership: Ownership,
  event: OwnershipEvent,
  now: number,
): Ownership {
  switch (event.type) {
    case 'proved':
      return ownership.state === 'pending'
        ? { state: 'verified', at: now, by: event.by, serial: event.serial }
        : ownership
    case 'not-proved':
      return ownership.state === 'pending' ? retryOrMove(ownership, event, now) : ownership
    case 'looked': {
      const { problems, nextAt } = event
      return ownership.state === 'verified'
        ? { ...ownership, look: { problems, nextAt } }
        : ownership
    }
    case 'lapsed':
      return ownership.state === 'moved' ? lapse(ownership, now) : ownership
    case 'moved-away':
      return ownership.state === 'verified' ? moved([event.reason], now) : ownership
    case 'blocked':
      // What is deleted has given its name up: another record of the zone may have it.
      return ownership.state === 'deleted'
        ? ownership
        : { state: 'blocked', since: now, reason: event.reason }
    case 'restart':
      return restart(ownership, now)
    default:
      return event satisfies never
  }
}

/**
 * A time that was over long ago was jumped over by the clock, or we were away: nothing is deleted in
 * the first moment of that.
 */
function lapse(ownership: Extract<Ownership, { state: 'moved' }>, now: number): Ownership {
  const isJumpedOver = now - ownership.nextAt > GRACE_MS
  if (isJumpedOver) return { ...ownership, nextAt: now + GRACE_MS }
  return { state: 'deleted', since: now, errors: ownership.errors }
}

function restart(ownership: Ownership, now: number): Ownership {
  if (ownership.state === 'verified') {
    const { look } = ownership
    return look ? { ...ownership, look: { ...look, nextAt: now } } : ownership
  }
  return { ...newOwnership(now), ...(isUnproved(ownership) && { wasUnready: true }) }
}

/** Whether looks were in vain so far, whoever asked for more of them. */
export function isUnproved(ownership: Ownership): boolean {
  if (ownership.state === 'moved' || ownership.state === 'deleted') return true
  return ownership.state === 'pending' && (ownership.attempts > 0 || ownership.wasUnready === true)
}

function retryOrMove(
  pending: Extract<Ownership, { state: 'pending' }>,
  { errors, begunAt = Infinity }: Extract<OwnershipEvent, { type: 'not-proved' }>,
  now: number,
): Ownership {
  if (pending.nextAt > begunAt) return { ...pending, errors }
  const attempts = pending.attempts + 1
  if (attempts > MAX_OWNERSHIP_ATTEMPTS) return moved(errors, now)
  return { ...pending, attempts, nextAt: now + validationDelayMs(pending.attempts), errors }
}

function moved(errors: readonly string[], now: number): Ownership {
  return { state: 'moved', since: now, nextAt: now + MOVED_RETENTION_MS, errors }
}

/** Of a record, as far as it counts here. `method: undefined`: the certificates are the caller's own. */
interface Looked {
  ownership: Ownership
  ssl: { method: unknown } | undefined
}

/** When to look next whether it still leads here; undefined where renewals do that. */
export function ownLookDueAt({ ownership, ssl }: Looked): number | undefined {
  if (ownership.state !== 'verified' || ssl === undefined || ssl.method !== undefined) {
    return undefined
  }
  return ownership.look?.nextAt ?? ownership.at + FIRST_LOOK_MS
}

/** Why it did not lead here when it was last looked at; empty where it did. */
export function ownLookProblems(record: Looked): readonly string[] {
  const { ownership } = record
  const isOwn = ownLookDueAt(record) !== undefined
  return isOwn && ownership.state === 'verified' ? (ownership.look?.problems ?? []) : []
}
