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
  /**
   * When what had its turn at `turn` may go to the CA. Time stands still for those who wait while the
   * CA is away, and is caught up with a little quicker than it went by: first come, first served.
   */
  servedAt(ca: string, turn: number): Service
}

export interface Service {
  /** May have gone by. While the CA is away: as if it came back now, so not before. */
  at: number
  isAway: boolean
}

/** So long is a CA passed over where another one may do it. */
const PASSED_OVER_MS = 30_000
/** How much quicker: five days are caught up with in twenty. */
const CATCH_UP = 1.25

/** How far those who wait for a CA have got: to `reached`, at the instant `at`. */
interface Progress {
  reached: number
  at: number
  isAway: boolean
}

export function createOutages(clock: Clock): Outages {
  const awayUntil = new Map<string, number>()
  const progresses = new Map<string, Progress>()
  return {
    note(ca) {
      const now = clock.now()
      awayUntil.set(ca, now + PASSED_OVER_MS)
      const known = progresses.get(ca)
      if (!known?.isAway)
        progresses.set(ca, { reached: reachedBy(known, now), at: now, isAway: true })
    },
    clear(ca) {
      awayUntil.delete(ca)
      const known = progresses.get(ca)
      if (known?.isAway) progresses.set(ca, { ...known, at: clock.now(), isAway: false })
    },
    isAway: (ca) => (awayUntil.get(ca) ?? -Infinity) > clock.now(),
    servedAt(ca, turn) {
      const known = progresses.get(ca)
      if (!known || turn <= known.reached) return { at: turn, isAway: false }
      const { isAway, reached } = known
      const since = isAway ? clock.now() : known.at
      return { at: Math.max(turn, Math.ceil(since + (turn - reached) / CATCH_UP)), isAway }
    },
  }
}

function reachedBy(progress: Progress | undefined, now: number): number {
  if (!progress) return now
  return Math.min(now, progress.reached + (now - progress.at) * CATCH_UP)
}
