import { describe, expect, it } from 'vitest'

import type { Grant, PlannedOrder } from '#control/ca/budget.ts'
import { withOverrides } from '#domain/ca-limits.ts'
import { NOON } from '#test/records.ts'

import { HOUR, LETS_ENCRYPT, openLedgers, anOrderOf as orderOf } from './ledger-side.ts'

/** Of one zone. */
function anOrderOf(n: number, change: Partial<PlannedOrder> = {}): PlannedOrder {
  return orderOf(n, { zoneId: 'zone', ...change })
}

describe('those who wait', () => {
  const oneAnHour = withOverrides(LETS_ENCRYPT, {
    orders_per_account: { count: 1, windowMs: HOUR },
  })
  const untilOf = (grant: Grant): number => (grant.granted ? 0 : grant.until)

  it('get turns of their own, keep them, and are granted at them', async () => {
    const { ledger, clock } = await openLedgers(oneAnHour)
    await ledger.take(anOrderOf(0))
    const waiting = [1, 2, 3]
    const turns = async () =>
      Promise.all(waiting.map(async (n) => untilOf(await ledger.take(anOrderOf(n)))))
    const first = await turns()
    expect(first).toEqual([NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR])
    expect(await turns()).toEqual(first)
    for (const n of waiting) {
      await clock.advance(HOUR)
      expect(await ledger.take(anOrderOf(n))).toEqual({ granted: true })
    }
  })

  it('are next where another one was faster, not last', async () => {
    const { ledger, other, clock } = await openLedgers(oneAnHour)
    await ledger.take(anOrderOf(0))
    for (const n of [1, 2, 3, 4]) await ledger.take(anOrderOf(n))
    await clock.advance(HOUR)
    expect(await other.take(anOrderOf(9))).toEqual({ granted: true })
    expect(untilOf(await ledger.take(anOrderOf(1)))).toBe(NOON + 2 * HOUR)
  })

  it('line up behind the others for their next order', async () => {
    const { ledger, clock } = await openLedgers(oneAnHour)
    await ledger.take(anOrderOf(0))
    for (const n of [1, 2, 3]) await ledger.take(anOrderOf(n))
    await clock.advance(HOUR)
    expect(await ledger.take(anOrderOf(1))).toEqual({ granted: true })
    expect(untilOf(await ledger.take(anOrderOf(1)))).toBe(NOON + 4 * HOUR)
  })

  it('line up by urgency', async () => {
    const { ledger } = await openLedgers(oneAnHour)
    await ledger.take(anOrderOf(0))
    for (const n of [1, 2, 3]) await ledger.take(anOrderOf(n))
    const urgent = await ledger.take(anOrderOf(4, { priority: 'expiring' }))
    expect(untilOf(urgent)).toBe(NOON + HOUR)
  })

  it('ask again before their turn where it is far', async () => {
    const { ledger } = await openLedgers(oneAnHour)
    await ledger.take(anOrderOf(0))
    let last: Grant = { granted: true }
    for (let n = 1; n <= 10; n++) last = await ledger.take(anOrderOf(n))
    expect(last).toMatchObject({ until: NOON + 10 * HOUR, askAgainAt: NOON + 6 * HOUR })
    expect(last).toMatchObject({ sentence: expect.stringContaining('2026-11-23 10:00:00 UTC') })
  })
  it('are as late as the line, and do not come all at once', async () => {
    const { ledger, other, clock } = await openLedgers(oneAnHour)
    const waiting = Array.from({ length: 5 }, (_, n) => n + 1)
    const asked = new Map<number, number>()
    await ledger.take(anOrderOf(0))
    for (const n of waiting) asked.set(n, untilOf(await ledger.take(anOrderOf(n))))
    const { ca, hostname, names } = anOrderOf(0)
    const problem = 'see https://letsencrypt.org/docs/rate-limits/#new-orders-per-account'
    await other.noteLimited({ ca, hostname, names, problem, retryAfterMs: 10 * HOUR })
    // Each comes when it was told to, and is told anew.
    for (let hour = 1; hour <= 5; hour++) {
      await clock.advance(HOUR)
      for (const n of waiting.filter((one) => asked.get(one) === clock.now())) {
        asked.set(n, untilOf(await ledger.take(anOrderOf(n))))
      }
    }
    expect([...asked.values()]).toEqual([10, 11, 12, 13, 14].map((hour) => NOON + hour * HOUR))
  })

  it('are forgotten when they do not come, and hold nobody up', async () => {
    const { ledger, clock } = await openLedgers(oneAnHour)
    await ledger.take(anOrderOf(0))
    await ledger.take(anOrderOf(1))
    await clock.advance(24 * HOUR)
    expect(await ledger.take(anOrderOf(2))).toEqual({ granted: true })
    expect(untilOf(await ledger.take(anOrderOf(3)))).toBe(NOON + 25 * HOUR)
    // Came a day too late, as the last: nobody in the line is a day late for it.
    expect(untilOf(await ledger.take(anOrderOf(1)))).toBe(NOON + 26 * HOUR)
    expect(untilOf(await ledger.take(anOrderOf(3)))).toBe(NOON + 25 * HOUR)
    expect(untilOf(await ledger.take(anOrderOf(4)))).toBe(NOON + 27 * HOUR)
  })
})
