export interface TokenRate {
  /** In the long run. */
  perSecond: number
  /** How many may come at once after a quiet time. */
  burst: number
}

/**
 * Lets a rate through, in steps of one, without a timer. It lives as long as its owner; what must
 * outlive a restart is counted by `domain/rate-limit.ts`.
 */
export class TokenBucket {
  readonly #rate: TokenRate
  #tokens: number
  #at: number

  constructor(rate: TokenRate, now: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#at = now
  }

  /** @returns whether there was one to take */
  take(now: number): boolean {
    const { perSecond, burst } = this.#rate
    // A clock that was set back fills nothing, and takes nothing away.
    const gained = (Math.max(0, now - this.#at) / 1_000) * perSecond
    this.#tokens = Math.min(burst, this.#tokens + gained)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
