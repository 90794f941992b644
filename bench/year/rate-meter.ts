/** As the CA publishes it: `count` in `windowMs`, in a bucket that refills steadily. */
export interface MeteredLimit {
  count: number
  windowMs: number
}

/**
 * The CA's own count of what it was asked, kept apart from the code that is on trial: tokens with
 * fractions, added when somebody looks. By a key: an account, a domain, a set of names.
 */
export class RateMeter {
  readonly #limit: MeteredLimit
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(limit: MeteredLimit) {
    this.#limit = limit
  }

  /** How long until one more is allowed; 0: it is now. */
  waitMs(key: string, now: number): number {
    const missing = 1 - this.#tokens(key, now)
    // Sums of fractions: a millionth of a request is none.
    return missing <= 1e-6 ? 0 : Math.ceil((missing * this.#limit.windowMs) / this.#limit.count)
  }

  count(key: string, now: number): void {
    this.#buckets.set(key, { tokens: this.#tokens(key, now) - 1, at: now })
  }

  #tokens(key: string, now: number): number {
    const { count, windowMs } = this.#limit
    const bucket = this.#buckets.get(key)
    if (!bucket) return count
    return Math.min(count, bucket.tokens + ((now - bucket.at) * count) / windowMs)
  }
}
