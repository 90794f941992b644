import { describe, expect, it } from 'vitest'

import { createOutages } from '#control/lifecycle/outages.ts'
import type { CaProgress } from '#store/outages.ts'
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

  it('a process that starts anew goes on from there', () => {
    const stored = new Map<string, CaProgress>()
    const onChange = (progress: CaProgress): void => void stored.set(progress.ca, progress)
    const now = clock.now()
    createOutages(clock, { onChange }).note('one')
    clock.jump(now + 5 * HOUR)
    const next = createOutages(clock, { known: [...stored.values()], onChange })
    expect(next.servedAt('one', now + 2.5 * HOUR)).toEqual({ at: now + 7 * HOUR, isAway: true })
    next.clear('one')
    clock.jump(now + 6 * HOUR)
    const last = createOutages(clock, { known: [...stored.values()] })
    expect(last.servedAt('one', now + 2.5 * HOUR).at).toBe(now + 7 * HOUR)
    clock.jump(now)
  })

  it('that happened by a clock that was ahead nobody waits until that time comes', () => {
    const jumping = fakeClock(NOON + 8_760 * HOUR)
    const ahead = createOutages(jumping)
    ahead.note('one')
    jumping.jump(NOON)
    expect(ahead.isAway('one')).toBe(false)
    ahead.clear('one')
    expect(ahead.servedAt('one', NOON - HOUR)).toEqual({ at: NOON - HOUR, isAway: false })
  })

  it('nobody waits any more once all is caught up with', () => {
    expect(servedAt('one', NOON + 80 * HOUR)).toBe(NOON + 80 * HOUR)
    clock.jump(NOON + 100 * HOUR)
    outages.note('one')
    outages.clear('one')
    expect(servedAt('one', NOON + 99 * HOUR)).toBe(NOON + 99 * HOUR)
  })
})
