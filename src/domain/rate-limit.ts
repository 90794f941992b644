/**
 * Token buckets by GCRA: of a bucket nothing is kept but the instant at which it will be full again.
 * Each token spent moves that instant on by the time in which one comes back; a bucket may be spent
 * from while the instant is at most `capacity` tokens' time away. Time does the refilling, so a bucket
 * that is full needs no record at all.
 *
 * In any span of time no more is spent than what a full bucket holds and what that span gives back.
 */
export interface RateLimit {
  /** Tokens in a full bucket: a whole number, at least 1. */
  capacity: number
  /** In which one token comes back; 0: a bucket that is only ever full, or closed (`deferTo`). */
  refillMs: number
  /** How far ahead tokens that are yet to come may be promised (`reserve`). @default 0 */
  promisedMs?: number
}

export interface Spending {
  now: number
  /** Tokens to spend, or to give back: a part of one too. @default 1 */
  cost?: number
  /** Tokens that must stay for others; fewer where the bucket is too small for both. @default 0 */
  reserve?: number
}

/** When the bucket is full that nobody spent from. */
export const ALWAYS_FULL = 0

/** The earliest instant at which the spending is possible; `now` where it is at once. */
export function availableAt(
  fullAt: number,
  { capacity, refillMs }: RateLimit,
  { now, cost = 1, reserve = 0 }: Spending,
): number {
  if (cost > capacity) return Infinity
  const spendable = capacity - Math.min(reserve, capacity - cost)
  return Math.max(now, Math.max(fullAt, now) + (cost - spendable) * refillMs)
}

/** When the bucket is full after the spending, be it possible or not; it is never more than empty. */
export function spend(
  fullAt: number,
  { capacity, refillMs }: RateLimit,
  { now, cost = 1 }: Spending,
): number {
  const spent = Math.max(fullAt, now) + cost * refillMs
  return Math.max(fullAt, Math.min(spent, now + capacity * refillMs))
}

/**
 * Spends one token, of those that are yet to come where there is none: each caller gets an instant of
 * its own, in the order of asking. Whoever cannot wait for that, or would be promised too much, goes at
 * `latest` and spends nothing.
 *
 * @returns the caller's turn, and when the bucket is full after it
 */
export function reserve(
  fullAt: number,
  rate: RateLimit,
  { now, latest }: { now: number; latest: number },
): { turn: number; fullAt: number } {
  const { refillMs, promisedMs = 0 } = rate
  const turn = availableAt(fullAt, rate, { now })
  const last = Math.max(now, Math.min(latest, now + promisedMs))
  if (turn > last) return { turn: last, fullAt }
  return { turn, fullAt: Math.max(fullAt, now) + refillMs }
}

/**
 * When the bucket is full after that much came back to it. Nothing comes back to one that is emptier
 * than empty: until when that is somebody else has said (`deferTo`).
 */
export function giveBack(
  fullAt: number,
  { capacity, refillMs }: RateLimit,
  { now, cost = 1 }: Spending,
): number {
  if (fullAt > now + capacity * refillMs) return fullAt
  return Math.max(Math.ceil(fullAt - cost * refillMs), now)
}

/** When the bucket is full that is empty until `until` and has its first token then. */
export function deferTo(fullAt: number, { capacity, refillMs }: RateLimit, until: number): number {
  return Math.max(fullAt, until + (capacity - 1) * refillMs)
}

/** Tokens in the bucket, with fractions. */
export function remaining(fullAt: number, { capacity, refillMs }: RateLimit, now: number): number {
  const missingMs = Math.max(0, fullAt - now)
  if (missingMs === 0) return capacity
  return refillMs === 0 ? 0 : Math.max(0, capacity - missingMs / refillMs)
}

/** Nobody is made to wait for longer at once, whatever a CA says. */
export const LONGEST_DEFERRAL_MS = 7 * 86_400_000

/**
 * What is kept of a bucket, if it can be: an instant that no spending and no deferral leads to was
 * written by a clock that was far ahead, and would keep the bucket shut until that time comes.
 */
export function plausible(
  fullAt: number,
  { capacity, refillMs, promisedMs = 0 }: RateLimit,
  now: number,
): number {
  const aheadMs = Math.max(LONGEST_DEFERRAL_MS, promisedMs)
  return fullAt - now > capacity * refillMs + aheadMs ? ALWAYS_FULL : fullAt
}
