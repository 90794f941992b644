import { getEventListeners } from 'node:events'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { systemClock, type Clock } from '#lib/clock.ts'
import { fakeClock } from '#test/fake-clock.ts'

const START = Date.UTC(2026, 10, 23)

/** What callers may rely on, of either clock. */
function clockContract(
  name: string,
  open: () => { clock: Clock; advance: (ms: number) => Promise<unknown> },
): void {
  describe(`${name}`, () => {
    it('tells the time, and that it has gone on', async () => {
      const { clock, advance } = open()
      expect(clock.now()).toBe(START)
      await advance(1_500)
      expect(clock.now()).toBe(START + 1_500)
    })

    it('wakes a sleeper when its time has come and not before', async () => {
      const { clock, advance } = open()
      const woken: string[] = []
      void clock.sleep(100).then(() => woken.push('a'))
      void clock.sleep(50).then(() => woken.push('b'))
      await advance(49)
      expect(woken).toEqual([])
      await advance(1)
      expect(woken).toEqual(['b'])
      await advance(50)
      expect(woken).toEqual(['b', 'a'])
    })

    it('takes a time that has passed as now', async () => {
      const { clock, advance } = open()
      const slept = clock.sleep(-5).then(() => 'awake')
      await advance(1)
      expect(await slept).toBe('awake')
    })

    it('ends a sleep with the reason of its signal', async () => {
      const { clock } = open()
      const controller = new AbortController()
      const sleeping = clock.sleep(100, controller.signal)
      controller.abort(new Error('shutting down'))
      await expect(sleeping).rejects.toThrow('shutting down')
      await expect(clock.sleep(100, controller.signal)).rejects.toThrow('shutting down')
    })

    it('calls back once, unless cancelled', async () => {
      const { clock, advance } = open()
      const called: string[] = []
      clock.after(10, () => called.push('kept'))
      const cancelled = clock.after(10, () => called.push('cancelled'))
      cancelled.cancel()
      cancelled.cancel()
      await advance(50)
      expect(called).toEqual(['kept'])
    })
  })
}

describe('clocks', () => {
  describe('by the system’s time', () => {
    beforeEach(() => {
      vi.useFakeTimers({ now: START })
    })
    afterEach(() => {
      vi.useRealTimers()
    })

    clockContract('the system clock', () => ({
      clock: systemClock,
      advance: (ms) => vi.advanceTimersByTimeAsync(ms),
    }))

    it('leaves no listener on a signal after a sleep', async () => {
      const { signal } = new AbortController()
      const sleeping = systemClock.sleep(10, signal)
      expect(getEventListeners(signal, 'abort')).toHaveLength(1)
      await vi.advanceTimersByTimeAsync(10)
      await sleeping
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    })

    it('cuts a wait that a timer cannot hold instead of ending it at once', async () => {
      const woken: string[] = []
      const forty = 40 * 86_400_000
      void systemClock.sleep(forty).then(() => woken.push('sleep'))
      systemClock.after(forty, () => woken.push('after'))
      await vi.advanceTimersByTimeAsync(2 ** 31 - 2)
      expect(woken).toEqual([])
      await vi.advanceTimersByTimeAsync(1)
      expect(woken.toSorted()).toEqual(['after', 'sleep'])
    })
  })

  clockContract('the fake clock', () => {
    const clock = fakeClock(START)
    return { clock, advance: (ms) => clock.advance(ms) }
  })

  it('says when the fake clock is next due', async () => {
    const clock = fakeClock(START)
    expect(clock.nextDue()).toBeUndefined()
    const timer = clock.after(20, () => undefined)
    void clock.sleep(30)
    expect(clock.nextDue()).toBe(START + 20)
    timer.cancel()
    expect(clock.nextDue()).toBe(START + 30)
    await clock.advance(30)
    expect(clock.nextDue()).toBeUndefined()
  })

  it('shows each instant on the way and follows chains of sleeps', async () => {
    const clock = fakeClock(START)
    const seen: number[] = []
    const beat = async (): Promise<void> => {
      for (;;) {
        await clock.sleep(10)
        seen.push(clock.now() - START)
      }
    }
    void beat()
    await clock.advance(35)
    expect(seen).toEqual([10, 20, 30])
    expect(clock.now()).toBe(START + 35)
  })

  it('fires nothing when the fake clock jumps', async () => {
    const clock = fakeClock(START)
    let fired = false
    clock.after(10, () => {
      fired = true
    })
    clock.jump(START + 1_000)
    expect([clock.now(), fired]).toEqual([START + 1_000, false])
    await clock.advance(0)
    expect([clock.now(), fired]).toEqual([START + 1_000, true])
  })
})
