import type { Clock } from '#lib/clock.ts'

export interface SimulatedClock extends Clock {
  /** Time only goes on. @throws {RangeError} where it would go back */
  moveTo(at: number): void
}

const NO_TIMER = { cancel: () => {} }

/**
 * Time that stands still while something is done. Everything that the models answer, they answer at
 * once, so no timer of the product ever fires; nothing of it sleeps.
 */
export function createSimulatedClock(startAt: number): SimulatedClock {
  let now = startAt
  return {
    now: () => now,
    moveTo(at) {
      if (at < now) throw new RangeError(`time goes back: from ${now} to ${at}`)
      now = at
    },
    after: () => NO_TIMER,
    sleep: () => Promise.reject(new Error('nothing of the simulation sleeps')),
  }
}
