import { describe, expect, it } from 'vitest'

import type { Grant } from '#control/ca/budget.ts'
import { withOverrides } from '#domain/ca-limits.ts'
import { NOON } from '#test/records.ts'

import { anOrderOf, HOUR, LETS_ENCRYPT, openLedgers } from './ledger-side.ts'

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
})
