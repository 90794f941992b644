import { describe, expect, it } from 'vitest'

import type { RateLimit } from '#domain/rate-limit.ts'
import { LONGEST_DEFERRAL_MS } from '#domain/rate-limit.ts'
import type { BudgetAnswer, BudgetRequest, Bucket } from '#store/budget.ts'
import { NOON } from '#test/records.ts'

import type { OpenStore } from './store-under-test.ts'

const RATE: RateLimit = { capacity: 3, refillMs: 1_000 }
const ORDERS: Bucket = { ca: 'a', limit: 'orders', key: '', rate: RATE }
const DOMAIN: Bucket = { ca: 'a', limit: 'domain', key: 'customer.com', rate: RATE }
const GRANTED: BudgetAnswer = { granted: true }

const isGranted = ({ granted }: BudgetAnswer): boolean => granted

export function budgetContract(open: OpenStore): void {
  describe('the budget', () => {
    it('gives what a bucket holds, and says when there is more', async () => {
      await using opened = await open()
      const { budget } = opened.store
      for (let n = 0; n < 3; n++) expect(await budget.take([ORDERS], NOON)).toEqual(GRANTED)
      expect(await budget.take([ORDERS], NOON)).toEqual({
        granted: false,
        until: NOON + 1_000,
        refusedBy: ORDERS,
      })
      expect(await budget.take([ORDERS], NOON + 1_000)).toEqual(GRANTED)
      expect(await budget.remaining(ORDERS, NOON + 2_500)).toBe(1.5)
    })

    it('keeps buckets of another CA, limit or key apart', async () => {
      await using opened = await open()
      const { budget } = opened.store
      await budget.take([{ ...ORDERS, cost: 3 }], NOON)
      const others = [{ ca: 'b' }, { limit: 'other' }, { key: 'other' }]
      for (const other of others) {
        expect(await budget.remaining({ ...ORDERS, ...other }, NOON)).toBe(3)
      }
      expect(await budget.remaining(ORDERS, NOON)).toBe(0)
    })

    it('takes from all or from none, and names the one that takes longest', async () => {
      await using opened = await open()
      const { budget } = opened.store
      await budget.take([{ ...DOMAIN, cost: 3 }], NOON)
      await budget.take([{ ...ORDERS, cost: 2 }], NOON)
      const both: BudgetRequest[] = [
        { ...ORDERS, cost: 2 },
        { ...DOMAIN, cost: 2 },
      ]
      expect(await budget.take(both, NOON)).toEqual({
        granted: false,
        until: NOON + 2_000,
        refusedBy: both[1],
      })
      expect(await budget.remaining(ORDERS, NOON)).toBe(1)
      expect(await budget.take(both, NOON + 2_000)).toEqual(GRANTED)
      expect(await budget.take([], NOON)).toEqual(GRANTED)
    })

    it('leaves the reserve to those who ask for none', async () => {
      await using opened = await open()
      const { budget } = opened.store
      const modest = { ...ORDERS, reserve: 2 }
      expect(await budget.take([modest], NOON)).toEqual(GRANTED)
      expect(await budget.take([modest], NOON)).toMatchObject({ until: NOON + 1_000 })
      expect(await budget.take([ORDERS], NOON)).toEqual(GRANTED)
    })

    it('looks without taking', async () => {
      await using opened = await open()
      const { budget } = opened.store
      const look = { ...ORDERS, cost: 0, reserve: 1 }
      expect(await budget.look([{ ...ORDERS, cost: 3 }], NOON)).toEqual(GRANTED)
      expect(await budget.take([look], NOON)).toEqual(GRANTED)
      expect(await budget.remaining(ORDERS, NOON)).toBe(3)
      await budget.take([{ ...ORDERS, cost: 3 }], NOON)
      const refused = { granted: false, until: NOON + 1_000, refusedBy: look }
      expect(await budget.look([look], NOON)).toEqual(refused)
      expect(await budget.take([look], NOON)).toEqual(refused)
    })

    it('promises tokens that are yet to come, each once, over all processes', async () => {
      await using opened = await open()
      const { budget } = opened.store
      const line: Bucket = { ...ORDERS, rate: { ...RATE, promisedMs: 60_000 } }
      const options = { now: NOON, latest: NOON + 60_000 }
      const turns = await Promise.all(
        Array.from({ length: 5 }, () => budget.reserve(line, options)),
      )
      expect(turns.map((turn) => turn - NOON).sort()).toEqual([0, 0, 0, 1_000, 2_000])
      expect(await budget.reserve(line, { now: NOON, latest: NOON + 1 })).toBe(NOON + 1)
      expect(await budget.reserve(line, options)).toBe(NOON + 3_000)
    })

    it('records what happened anyway, down to empty', async () => {
      await using opened = await open()
      const { budget } = opened.store
      for (let n = 0; n < 5; n++) await budget.record([ORDERS, DOMAIN], NOON)
      for (const bucket of [ORDERS, DOMAIN]) {
        expect(await budget.look([bucket], NOON)).toMatchObject({ until: NOON + 1_000 })
      }
    })

    it('takes back what was not used, up to full', async () => {
      await using opened = await open()
      const { budget } = opened.store
      await budget.take([{ ...ORDERS, cost: 2 }, DOMAIN], NOON)
      await budget.giveBack([ORDERS, DOMAIN], NOON)
      expect(await budget.remaining(ORDERS, NOON)).toBe(2)
      expect(await budget.remaining(DOMAIN, NOON)).toBe(3)
      await budget.giveBack([{ ...ORDERS, cost: 3 }], NOON)
      expect(await budget.remaining(ORDERS, NOON)).toBe(3)
    })

    it('defers a bucket until it has its first token, and never brings that forward', async () => {
      await using opened = await open()
      const { budget } = opened.store
      const until = NOON + 60_000
      await budget.defer(ORDERS, { until, now: NOON })
      await budget.defer(ORDERS, { until: NOON + 5_000, now: NOON })
      expect(await budget.take([ORDERS], NOON)).toMatchObject({ granted: false, until })
      expect(await budget.take([ORDERS], until)).toEqual(GRANTED)
      expect(await budget.take([ORDERS], until)).toMatchObject({ until: until + 1_000 })
    })

    it('does not stay shut for a clock that was far ahead', async () => {
      await using opened = await open()
      const { budget } = opened.store
      const ahead = NOON + 2 * LONGEST_DEFERRAL_MS
      await budget.take([{ ...ORDERS, cost: 3 }], ahead)
      expect(await budget.take([ORDERS], NOON)).toEqual(GRANTED)
      expect(await budget.remaining(ORDERS, NOON)).toBe(2)
    })

    it('remembers after it was closed and opened', async () => {
      await using opened = await open()
      await opened.store.budget.take([{ ...ORDERS, cost: 2 }], NOON)
      await opened.store.close()
      await using again = await opened.openAgain()
      expect(await again.budget.remaining(ORDERS, NOON)).toBe(1)
    })

    it('gives no more to two processes than to one', async () => {
      await using opened = await open()
      await using other = await opened.openAgain()
      const rate = { capacity: 10, refillMs: 1_000 }
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, n) => {
          const { budget } = n % 2 ? opened.store : other
          const own = { ...DOMAIN, key: `${n % 3}.com`, rate: { capacity: 4, refillMs: 1_000 } }
          return budget.take([{ ...ORDERS, rate }, own], NOON)
        }),
      )
      expect(answers.filter(isGranted)).toHaveLength(10)
      expect(await opened.store.budget.remaining({ ...ORDERS, rate }, NOON)).toBe(0)
      const left = await Promise.all(
        [0, 1, 2].map((n) =>
          other.budget.remaining(
            { ...DOMAIN, key: `${n}.com`, rate: { capacity: 4, refillMs: 1_000 } },
            NOON,
          ),
        ),
      )
      expect(left.reduce((sum, tokens) => sum + tokens, 0)).toBe(2)
    })
  })
}
