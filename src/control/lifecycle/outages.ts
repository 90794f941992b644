import type { Clock } from '#lib/clock.ts'

/**
 * Which CAs did not answer lately, as this process saw it: while there is another one, nobody waits
 * for them again and again. In memory: a process that starts anew finds out anew.
 */
export interface Outages {
  note(ca: string): void
  /** It answered. */
  clear(ca: string): void
  isAway(ca: string): boolean
}

/** So long is a CA passed over where another one may do it. */
const PASSED_OVER_MS = 30_000

export function createOutages(clock: Clock): Outages {
  const awayUntil = new Map<string, number>()
  return {
    note: (ca) => void awayUntil.set(ca, clock.now() + PASSED_OVER_MS),
    clear: (ca) => void awayUntil.delete(ca),
    isAway: (ca) => (awayUntil.get(ca) ?? -Infinity) > clock.now(),
  }
}
