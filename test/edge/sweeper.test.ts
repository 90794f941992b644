import { describe, expect, it } from 'vitest'

import { Sweeper, type Timed } from '#edge/sweeper.ts'
import { fakeClock } from '#test/fake-clock.ts'

const HOUR_MS = 3_600_000

/** A sweeper whose clock can be set while its timers go on. */
function start() {
  const clock = fakeClock()
  const skew = { ms: 0 }
  const sweeper = new Sweeper({ ...clock, now: () => clock.now() + skew.ms }, 250)
  const add = (ms: number): { ended: boolean; member: Timed } => {
    const state = { ended: false, member: { deadline: sweeper.now() + ms, onDeadline } }
    function onDeadline(): void {
      state.ended = true
      sweeper.delete(state.member)
    }
    sweeper.add(state.member)
    return state
  }
  return { clock, skew, sweeper, add }
}

describe('a deadline', () => {
  it('ends its member soon after it has passed, never before', async () => {
    const { clock, add } = start()
    const slow = add(1_000)
    await clock.advance(999)
    expect(slow.ended).toBe(false)
    await clock.advance(251)
    expect(slow.ended).toBe(true)
  })

  it('that was moved counts as it is now', async () => {
    const { clock, sweeper, add } = start()
    const busy = add(1_000)
    await clock.advance(900)
    busy.member.deadline = sweeper.now() + 1_000
    await clock.advance(900)
    expect(busy.ended).toBe(false)
  })

  it.each([
    ['forward', HOUR_MS],
    ['back', -HOUR_MS],
  ])('is as far away as it was when the clock is put %s by an hour', async (_way, jump) => {
    const { clock, skew, add } = start()
    const old = add(5_000)
    await clock.advance(1_000)
    skew.ms = jump
    const young = add(5_000)
    await clock.advance(3_500)
    expect([old.ended, young.ended]).toEqual([false, false])
    await clock.advance(1_000)
    expect([old.ended, young.ended]).toEqual([true, false])
    await clock.advance(1_500)
    expect(young.ended).toBe(true)
  })
})
