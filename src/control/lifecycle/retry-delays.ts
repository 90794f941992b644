import { backoffMs } from '#lib/backoff.ts'
import type { Random } from '#lib/random.ts'

/** Retry of an order that failed: a minute, then longer, at most four hours. */
const ORDER_BACKOFF = { firstMs: 60_000, maxMs: 4 * 3_600_000, factor: 3 }
/** Retry while the CA is away. */
const OUTAGE_BACKOFF = { firstMs: 5_000, maxMs: 15 * 60_000 }

/** @param failures orders that failed before this one */
export function orderDelayMs(failures: number, random: Random): number {
  return backoffMs(failures + 1, random.fraction(), ORDER_BACKOFF)
}

/** What a CA that wants us to wait said, and until when we do, as the API shows it. */
export function waitSentence(problem: string, until: number): string {
  return `${problem} (next try at ${new Date(until).toISOString().slice(0, 19).replace('T', ' ')} UTC)`
}

/** @param failures orders that failed before this one */
export function outageDelayMs(failures: number, random: Random): number {
  return backoffMs(failures + 1, random.fraction(), OUTAGE_BACKOFF)
}
