export interface Rate {
  perSecond: number
  /** How many may come at once after a quiet time. */
  burst: number
}

/** Lets a rate through, in steps of one. */
export class TokenBucket {
  readonly #rate: Rate
  #tokens: number
  #at: number

  constructor(rate: Rate, now: number) {
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
