import { describe, expect, it } from 'vitest'

import { createOutages } from '#control/lifecycle/outages.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { NOON } from '#test/records.ts'

const HOUR = 3_600_000

describe('after an outage', () => {
  const clock = fakeClock(NOON)
  const outages = createOutages(clock)
  const servedAt = (ca: string, turn: number): number => outages.servedAt(ca, turn).at

  it('those who waited are served in the order of their turns, a little quicker', () => {
    expect(servedAt('one', NOON + HOUR)).toBe(NOON + HOUR)
    outages.note('one')
    clock.jump(NOON + 5 * HOUR)
    outages.note('one')
    expect(servedAt('one', NOON - 1)).toBe(NOON - 1)
    expect(outages.servedAt('one', NOON + 5 * HOUR)).toEqual({ at: NOON + 9 * HOUR, isAway: true })
    clock.jump(NOON + 10 * HOUR)
    outages.clear('one')
    clock.jump(NOON + 11 * HOUR)
    outages.clear('one')
    expect(servedAt('one', NOON + 5 * HOUR)).toBe(NOON + 14 * HOUR)
    expect(servedAt('two', NOON + 5 * HOUR)).toBe(NOON + 5 * HOUR)
  })

  it('the next one holds up those who have not been served yet', () => {
    clock.jump(NOON + 14 * HOUR)
    outages.note('one')
    clock.jump(NOON + 20 * HOUR)
    outages.clear('one')
    expect(servedAt('one', NOON + 5 * HOUR)).toBe(NOON + 5 * HOUR)
    expect(servedAt('one', NOON + 10 * HOUR)).toBe(NOON + 24 * HOUR)
  })

  it('nobody waits any more once all is caught up with', () => {
    expect(servedAt('one', NOON + 80 * HOUR)).toBe(NOON + 80 * HOUR)
    clock.jump(NOON + 100 * HOUR)
    outages.note('one')
    outages.clear('one')
    expect(servedAt('one', NOON + 99 * HOUR)).toBe(NOON + 99 * HOUR)
  })
})
