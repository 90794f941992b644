import type { RateLimit } from '#domain/rate-limit.ts'

/**
 * What is left of the CAs' limits, one for all control processes: token buckets (domain/rate-limit.ts).
 * A bucket that is full has no row, and rows of buckets that became full are removed by and by, a few
 * with each write.
 */
export interface BudgetStore {
  /**
   * Spends from all the buckets at once, or from none where one of them does not allow it. Of two
   * that ask at the same time, in whatever process, the second finds what the first has left.
   */
  take(requests: readonly BudgetRequest[], now: number): Promise<BudgetAnswer>
  /** What `take` would answer. */
  look(requests: readonly BudgetRequest[], now: number): Promise<BudgetAnswer>
  /**
   * Spends one token, of those that are yet to come where there is none, or none where the caller
   * cannot wait for it.
   * @returns the caller's turn: `now` or later, at `latest` in any case
   */
  reserve(bucket: Bucket, options: { now: number; latest: number }): Promise<number>
  /** Spends whether it is allowed or not, for what has happened; no bucket becomes more than empty. */
  record(requests: readonly BudgetRequest[], now: number): Promise<void>
  /** What was taken and not used comes back. */
  giveBack(requests: readonly BudgetRequest[], now: number): Promise<void>
  /** The bucket is full again, whatever was spent from it. */
  refill(bucket: Bucket, now: number): Promise<void>
  /** The bucket is empty until `until` and has its first token then; one that is emptier stays so. */
  defer(bucket: Bucket, options: { until: number; now: number }): Promise<void>
  /** Tokens in the bucket, with fractions. */
  remaining(bucket: Bucket, now: number): Promise<number>
}

/** One bucket: of a CA, of one of its limits, for what that limit counts by ('' for the account). */
export interface Bucket {
  ca: string
  limit: string
  key: string
  /** May differ from the last time: what was spent stays spent for as long as it would have. */
  rate: RateLimit
}

export interface BudgetRequest extends Bucket {
  /** @default 1 */
  cost?: number
  /** Tokens that must stay. @default 0 */
  reserve?: number
  /** `false`: spends what there is, and refuses nothing where there is less. @default true */
  refuses?: boolean
}

export type BudgetAnswer =
  | { granted: true }
  /** At `until` the bucket in `refusedBy`, the last of all, allows it if nobody else spends. */
  | { granted: false; until: number; refusedBy: Bucket }
