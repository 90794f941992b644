import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { CaProgress, OutageStore } from '#store/outages.ts'

/**
 * Which CAs did not answer lately, as this process saw it: while there is another one, nobody waits
 * for them again and again. That is in memory: a process that starts anew finds out anew. How far
 * those had got who wait for a CA is stored too, or they would all go at once after a restart.
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

export interface OutagesOptions {
  /** What was stored. @default nothing */
  known?: readonly CaProgress[]
  /** Called when a CA goes away, or comes back. @default nobody is told */
  onChange?: (progress: CaProgress) => void
}

/** As they were when the last process ended. */
export async function openOutages({
  store,
  clock,
  log,
}: {
  store: { readonly outages: OutageStore }
  clock: Clock
  log: Logger
}): Promise<Outages> {
  const onChange = (progress: CaProgress): void => {
    const message = 'cannot note how far those who wait for the CA had got'
    store.outages.put(progress).catch((err: unknown) => log.warn({ err, ca: progress.ca }, message))
  }
  return createOutages(clock, { known: await store.outages.list(), onChange })
}

export function createOutages(
  clock: Clock,
  { known: stored = [], onChange = () => {} }: OutagesOptions = {},
): Outages {
  const awayUntil = new Map<string, number>()
  const progresses = new Map(stored.map((progress) => [progress.ca, progress]))
  const change = (progress: CaProgress): void => {
    progresses.set(progress.ca, progress)
    onChange(progress)
  }
  return {
    note(ca) {
      const now = clock.now()
      awayUntil.set(ca, now + PASSED_OVER_MS)
      const known = progresses.get(ca)
      if (!known?.isAway) change({ ca, reached: reachedBy(known, now), at: now, isAway: true })
    },
    clear(ca) {
      awayUntil.delete(ca)
      const known = progresses.get(ca)
      if (known?.isAway) change({ ...known, at: clock.now(), isAway: false })
    },
    isAway(ca) {
      const leftMs = (awayUntil.get(ca) ?? -Infinity) - clock.now()
      // More than was ever set: the clock was set back.
      return leftMs > 0 && leftMs <= PASSED_OVER_MS
    },
    servedAt(ca, turn) {
      const known = progresses.get(ca)
      const now = clock.now()
      if (!known || turn <= Math.min(known.reached, now)) return { at: turn, isAway: false }
      const { isAway, reached } = known
      const since = isAway ? now : Math.min(known.at, now)
      return { at: Math.max(turn, Math.ceil(since + (turn - reached) / CATCH_UP)), isAway }
    },
  }
}

function reachedBy(progress: CaProgress | undefined, now: number): number {
  if (!progress) return now
  const sinceMs = Math.max(0, now - progress.at)
  return Math.min(now, progress.reached + sinceMs * CATCH_UP)
}
