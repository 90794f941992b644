import type { RenewalPace } from '#control/lifecycle/renewal-pace.ts'
import type { Clock } from '#lib/clock.ts'

/** For tests of something else: everybody's turn is now. */
export function unpaced(clock: Pick<Clock, 'now'>): RenewalPace {
  return { takeTurn: async () => clock.now() }
}
