export interface FloodGuardOptions {
  /** Events at once. */
  burst: number
  /** Events a second in the long run. */
  perSecond: number
}

/**
 * Bounds what one connection may make us do for nothing: PING and SETTINGS to acknowledge, streams
 * opened only to be cancelled (CVE-2023-44487). A bucket of tokens, without a timer.
 */
export class FloodGuard {
  readonly #options: FloodGuardOptions
  #tokens: number
  #countedAt: number

  constructor(options: FloodGuardOptions, now: number) {
    this.#options = options
    this.#tokens = options.burst
    this.#countedAt = now
  }

  /** @returns false where it is too much */
  allow(now: number): boolean {
    const { burst, perSecond } = this.#options
    const refill = (Math.max(0, now - this.#countedAt) * perSecond) / 1000
    this.#tokens = Math.min(burst, this.#tokens + refill)
    this.#countedAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
