/**
 * When to look again at something a customer must set up: the schedule of the specification
 * (spec section 2.4). The delay before attempt n is `floor(60 * 1.05^n)` seconds for the first ten and
 * `floor(60 * 1.15^n)` after, at most four hours.
 */
export function validationDelayMs(attempt: number): number {
  const growth = attempt < 10 ? 1.05 : 1.15
  const seconds = Math.floor(60 * growth ** Math.max(0, attempt))
  return Math.min(seconds, 14_400) * 1000
}

/** The first whose delay is the longest. */
export const SLOWEST_ATTEMPT = 40
/** So often (for about 7 days) an unproved hostname is looked at again; then it goes `moved`. */
export const MAX_OWNERSHIP_ATTEMPTS = 75
/** So often (for 14.56 days) a certificate's validation is tried again; then it has timed out. */
export const MAX_DCV_ATTEMPTS = 120
/** A `moved` hostname is deleted after 7 days. */
export const MOVED_RETENTION_MS = 7 * 24 * 3_600_000
