export interface BackoffOptions {
  /** Delay before the first retry, in milliseconds. */
  firstMs: number
  /** The longest delay, in milliseconds. */
  maxMs: number
  /** Growth from one delay to the next. @default 2 */
  factor?: number
}

/**
 * Exponential back-off with jitter: the delay before retry number `failures` (1 is the first) is
 * drawn between half and the whole of `firstMs * factor^(failures - 1)`, capped at `maxMs`.
 *
 * @param fraction uniform in [0, 1), from `Random`
 */
export function backoffMs(failures: number, fraction: number, options: BackoffOptions): number {
  const { firstMs, maxMs, factor = 2 } = options
  const whole = Math.min(maxMs, firstMs * factor ** Math.max(0, failures - 1))
  return Math.round(whole * (0.5 + fraction / 2))
}
