import type { Random } from '#lib/random.ts'

import type { Scenario } from './scenario.ts'
import { drawBelow } from './seeded-random.ts'
import { DAY, HOUR } from './units.ts'

/** Of a week's new hostnames, those that come in one import on its Monday. */
const IMPORTED = 0.2
const WORK_BEGINS = 8 * HOUR
const WORK_DAY = 10 * HOUR

/**
 * When a hostname is created: people work on weekdays by day, and every Monday there is an import.
 * `startAt` is a Monday.
 */
export function drawArrival({ startAt, arrivalMs }: Scenario, random: Random): number {
  const weeks = Math.max(1, Math.floor(arrivalMs / (7 * DAY)))
  const monday = startAt + drawBelow(weeks, random) * 7 * DAY
  const morning = monday + WORK_BEGINS
  if (random.fraction() < IMPORTED) return Math.floor(morning + random.fraction() * HOUR)
  return Math.floor(morning + drawBelow(5, random) * DAY + random.fraction() * WORK_DAY)
}
