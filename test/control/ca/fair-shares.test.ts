import { describe, expect, it } from 'vitest'

import type { Budget, Grant, PlannedOrder } from '#control/ca/budget.ts'
import { NOON } from '#test/records.ts'

import { anOrderOf, HOUR, openLedgers } from './ledger-side.ts'

/** One of the 300 in 3 hours comes back. */
const REFILL = 36_000

type OrderOf = (n: number) => PlannedOrder
let counted = 0

/** New names of one zone, each another one, that lead here or do not. */
function newNames(zoneId: string, change: Partial<PlannedOrder> = {}): OrderOf {
  return () => anOrderOf(++counted, { zoneId, ...change })
}

const unready = { isReady: false }

/** Orders one after the other until one is refused, at most so many. */
async function grantedOf(ledger: Budget, orderOf: OrderOf, most = 400): Promise<number> {
  for (let granted = 0; granted < most; granted++) {
    if (!(await ledger.take(orderOf(granted))).granted) return granted
  }
  return most
}

async function refused(ledger: Budget, order: PlannedOrder): Promise<Grant & { granted: false }> {
  const grant = await ledger.take(order)
  if (grant.granted) throw new Error('not refused')
  return grant
}

describe('names that do not lead here', () => {
  it('get orders at once while there is plenty, and leave the rest to those that do', async () => {
    const { ledger } = await openLedgers()
    expect(await grantedOf(ledger, newNames('bogus', unready))).toBe(120 + 3)
    // Of the same zone too: its customers are not to blame.
    expect(await grantedOf(ledger, newNames('bogus'), 50)).toBe(50)
    expect(await grantedOf(ledger, newNames('other'), 50)).toBe(50)
  })

  it('are told what would help them, and when it is their turn', async () => {
    const { ledger } = await openLedgers()
    await grantedOf(ledger, newNames('bogus', unready))
    const order = anOrderOf(1, { zoneId: 'bogus', isReady: false })
    // One was refused already: this one is the second in the line.
    expect(await refused(ledger, order)).toEqual({
      granted: false,
      limit: 'orders_per_account',
      until: NOON + 4 * REFILL + REFILL,
      askAgainAt: NOON + 4 * REFILL + REFILL,
      sentence:
        "Let's Encrypt's limit of 300 new orders in 3 hours is nearly used up, and what is left goes to names that lead here first; this one gets its order once it does or its ownership is proved, else at 2026-11-23 00:03:00 UTC.",
    })
    expect(await ledger.take({ ...order, isReady: true })).toEqual({ granted: true })
  })

  it('get on, in the order in which they came, however many others are wanted', async () => {
    const { ledger, clock } = await openLedgers()
    const importing = Array.from({ length: 6 }, (_, zone) => newNames(`import${zone}`))
    const takeAllForOthers = async (): Promise<void> => {
      for (const orderOf of importing) await grantedOf(ledger, orderOf)
    }
    await takeAllForOthers()
    const bogus = Array.from({ length: 5 }, (_, n) =>
      anOrderOf(50_000 + n, { zoneId: 'quiet', isReady: false }),
    )
    const done: number[] = []
    for (const [n, order] of bogus.entries()) {
      if ((await ledger.take(order)).granted) done.push(n)
    }
    for (let passed = 0; passed < 3 * HOUR; passed += 6 * REFILL) {
      await clock.advance(6 * REFILL)
      await takeAllForOthers()
      for (const [n, order] of bogus.entries()) {
        if (!done.includes(n) && (await ledger.take(order)).granted) done.push(n)
      }
    }
    expect(done).toEqual([0, 1, 2, 3, 4])
  }, 60_000)

  it('wait where they failed before, until there is plenty', async () => {
    const { ledger, clock } = await openLedgers()
    await grantedOf(ledger, newNames('bogus', unready))
    const failed = anOrderOf(1, { zoneId: 'other', isReady: false, priority: 'retry' })
    expect(await refused(ledger, failed)).toMatchObject({ until: NOON + 4 * REFILL })
    await clock.advance(4 * REFILL)
    expect(await ledger.take(failed)).toEqual({ granted: true })
  })
})

describe('a zone that imports thousands', () => {
  it('leaves orders to other zones, and to what ends', async () => {
    const { ledger } = await openLedgers()
    expect(await grantedOf(ledger, newNames('import'))).toBe(180 + 3)
    expect(await grantedOf(ledger, newNames('other'))).toBe(57 + 3)
    expect(await grantedOf(ledger, newNames('third'))).toBe(3)
    expect(await grantedOf(ledger, newNames('any', { priority: 'expiring' }))).toBe(54)
  })

  it('is told that others have their share', async () => {
    const { ledger } = await openLedgers()
    await grantedOf(ledger, newNames('import'))
    // The next of its quarter comes back before the account has more than is kept for others.
    const next = await refused(ledger, anOrderOf(1, { zoneId: 'import' }))
    expect(next).toMatchObject({ limit: 'zone_orders' })
    expect(next.sentence).toContain(
      "Let's Encrypt's limit of 300 new orders in 3 hours is nearly used up, and this zone has had its share of it; the next order is possible at 2026-11-23 00:0",
    )
  })

  it('gets all that comes back while nobody else wants it', async () => {
    const { ledger, clock } = await openLedgers()
    await grantedOf(ledger, newNames('import'))
    let granted = 0
    for (let passed = 0; passed < 3 * HOUR; passed += REFILL) {
      await clock.advance(REFILL)
      granted += await grantedOf(ledger, newNames('import'))
    }
    // What is kept for others has to come back first, 3 orders of it.
    expect(granted).toBeGreaterThanOrEqual(297)
    expect(granted).toBeLessThanOrEqual(300)
  }, 60_000)

  it('never gets more than the account has, together with all others', async () => {
    const { ledger, other } = await openLedgers()
    const orders = Array.from({ length: 500 }, (_, n) =>
      (n % 2 ? ledger : other).take(
        anOrderOf(n, { zoneId: `zone${n % 120}`, isReady: n % 3 > 0, priority: 'new' }),
      ),
    )
    const granted = (await Promise.all(orders)).filter((grant) => grant.granted)
    expect(granted.length).toBeLessThanOrEqual(270)
    expect(await grantedOf(ledger, newNames('any', { priority: 'expiring' }))).toBe(
      300 - granted.length,
    )
  }, 30_000)
})
