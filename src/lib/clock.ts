/**
 * Time, the only door to it. Everything that reads the clock, waits or sets a timer takes a `Clock`,
 * so that tests move time by hand. All instants are milliseconds since the Unix epoch.
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /**
   * Resolves after `ms` milliseconds. Rejects with `signal.reason` when the signal aborts first.
   * Waits longer than 24.8 days (a timer's 31 bits) are cut to that: callers re-check and sleep on.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `callback` once after `ms` milliseconds unless cancelled. Does not keep the process alive. */
  after(ms: number, callback: () => void): Timer
}

export interface Timer {
  /** Idempotent; does nothing once the timer has fired. */
  cancel(): void
}

const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),

  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
        Math.min(Math.max(ms, 0), LONGEST_TIMER_MS),
      )
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  },

  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
