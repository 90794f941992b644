import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { rateLimitOf } from '#domain/ca-limits.ts'
import {
  ALWAYS_FULL,
  availableAt,
  deferTo,
  giveBack,
  LONGEST_DEFERRAL_MS,
  plausible,
  remaining,
  reserve,
  spend,
  type RateLimit,
} from '#domain/rate-limit.ts'
import { NOON } from '#test/records.ts'

const LIMIT: RateLimit = { capacity: 3, refillMs: 1_000 }

interface Attempt {
  afterMs: number
  cost: number
  reserve: number
}

const limits = fc.record({
  capacity: fc.integer({ min: 1, max: 20 }),
  refillMs: fc.integer({ min: 1, max: 500 }),
})

const attempts = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2_000 })),
    cost: fc.integer({ min: 1, max: 3 }),
    reserve: fc.integer({ min: 0, max: 5 }),
  }),
  { maxLength: 200 },
)

/** When tokens were spent, one entry a token. */
function run(limit: RateLimit, tries: readonly Attempt[]): number[] {
  let now = NOON
  let fullAt = ALWAYS_FULL
  return tries.flatMap(({ afterMs, cost, reserve }) => {
    now += afterMs
    if (availableAt(fullAt, limit, { now, cost, reserve }) > now) return []
    fullAt = spend(fullAt, limit, { now, cost })
    return Array.from({ length: cost }, () => now)
  })
}

/** The most that any window holds that begins with a spending: naive, by looking at all. */
function busiest(spent: readonly number[], windowMs: number): number {
  const counts = spent.map(
    (start) => spent.filter((at) => at >= start && at < start + windowMs).length,
  )
  return Math.max(0, ...counts)
}

/** The plain bucket, counted up and down. */
class PlainBucket {
  #tokens: number
  #at = NOON
  readonly #limit: RateLimit

  constructor(limit: RateLimit) {
    this.#limit = limit
    this.#tokens = limit.capacity
  }

  take(now: number, { cost, reserve }: Attempt): boolean {
    const { capacity, refillMs } = this.#limit
    this.#tokens = Math.min(capacity, this.#tokens + (now - this.#at) / refillMs)
    this.#at = now
    const kept = Math.min(reserve, capacity - cost)
    if (cost > capacity || this.#tokens - cost < kept - 1e-6) return false
    this.#tokens -= cost
    return true
  }
}

describe('a bucket', () => {
  it('gives what it holds at once, then one at a time', () => {
    const spent = run(LIMIT, [
      ...Array.from({ length: 5 }, () => ({ afterMs: 0, cost: 1, reserve: 0 })),
      { afterMs: 999, cost: 1, reserve: 0 },
      { afterMs: 1, cost: 1, reserve: 0 },
      { afterMs: 0, cost: 1, reserve: 0 },
    ])
    expect(spent).toEqual([NOON, NOON, NOON, NOON + 1_000])
  })

  it('never gives more than it holds and gets back, in any span of time', () => {
    fc.assert(
      fc.property(limits, attempts, fc.integer({ min: 1, max: 20_000 }), (limit, tries, span) => {
        const most = limit.capacity + Math.ceil(span / limit.refillMs)
        expect(busiest(run(limit, tries), span)).toBeLessThanOrEqual(most)
      }),
    )
  })

  it('gives exactly what a counted bucket gives', () => {
    fc.assert(
      fc.property(limits, attempts, (limit, tries) => {
        const counted = new PlainBucket(limit)
        let now = NOON
        const spent = tries.flatMap((attempt) => {
          now += attempt.afterMs
          return counted.take(now, attempt) ? Array.from({ length: attempt.cost }, () => now) : []
        })
        expect(run(limit, tries)).toEqual(spent)
      }),
    )
  })

  it('says when it will give, and does so then and not before', () => {
    fc.assert(
      fc.property(limits, attempts, fc.integer({ min: 0, max: 5 }), (limit, tries, reserve) => {
        let fullAt = ALWAYS_FULL
        for (const each of run(limit, tries)) fullAt = spend(fullAt, limit, { now: each })
        const now = Math.max(NOON, fullAt - limit.capacity * limit.refillMs)
        const at = availableAt(fullAt, limit, { now, reserve })
        expect(availableAt(fullAt, limit, { now: at, reserve })).toBe(at)
        const before = Math.max(now, at - 1)
        expect(availableAt(fullAt, limit, { now: before, reserve })).toBe(at)
      }),
    )
  })

  it('leaves a reserve to those who may use it, as far as it is large enough', () => {
    const one = spend(ALWAYS_FULL, LIMIT, { now: NOON })
    expect(availableAt(one, LIMIT, { now: NOON, reserve: 2 })).toBe(NOON + 1_000)
    expect(availableAt(one, LIMIT, { now: NOON })).toBe(NOON)
    const small: RateLimit = { capacity: 1, refillMs: 1_000 }
    expect(availableAt(ALWAYS_FULL, small, { now: NOON, reserve: 1 })).toBe(NOON)
    expect(availableAt(ALWAYS_FULL, small, { now: NOON, cost: 2 })).toBe(Infinity)
  })

  it('promises tokens that are yet to come, one after the other, to those who can wait', () => {
    const line: RateLimit = { ...LIMIT, promisedMs: 3_000 }
    const latest = NOON + 2_000
    let fullAt = ALWAYS_FULL
    const turns = Array.from({ length: 8 }, () => {
      const { turn, fullAt: next } = reserve(fullAt, line, { now: NOON, latest })
      fullAt = next
      return turn - NOON
    })
    expect(turns).toEqual([0, 0, 0, 1_000, 2_000, 2_000, 2_000, 2_000])
    // Those who could not wait spent nothing.
    expect(fullAt).toBe(NOON + 5_000)
    expect(reserve(fullAt, line, { now: NOON, latest: NOON - 1 }).turn).toBe(NOON)
    const patient = { now: NOON, latest: Infinity }
    const { turn, fullAt: last } = reserve(fullAt, line, patient)
    expect(turn).toBe(NOON + 3_000)
    expect(reserve(last, line, patient)).toEqual({ turn: NOON + 3_000, fullAt: last })
  })

  it('takes a long promise for plausible, and no longer one', () => {
    const promisedMs = 2 * LONGEST_DEFERRAL_MS
    const line: RateLimit = { ...LIMIT, promisedMs }
    const fullAt = NOON + promisedMs + 3_000
    expect(plausible(fullAt, line, NOON)).toBe(fullAt)
    expect(plausible(fullAt + 1, line, NOON)).toBe(ALWAYS_FULL)
    expect(plausible(fullAt, LIMIT, NOON)).toBe(ALWAYS_FULL)
  })

  it('can be looked into without spending', () => {
    const look = { now: NOON, cost: 0, reserve: 1 }
    const empty = spend(ALWAYS_FULL, LIMIT, { now: NOON, cost: 3 })
    expect(availableAt(ALWAYS_FULL, LIMIT, look)).toBe(NOON)
    expect(availableAt(empty, LIMIT, look)).toBe(NOON + 1_000)
    expect(spend(empty, LIMIT, look)).toBe(empty)
  })

  it('is never more than empty, however much was spent without asking', () => {
    let fullAt = ALWAYS_FULL
    for (let n = 0; n < 10; n++) fullAt = spend(fullAt, LIMIT, { now: NOON })
    expect(remaining(fullAt, LIMIT, NOON)).toBe(0)
    expect(availableAt(fullAt, LIMIT, { now: NOON })).toBe(NOON + 1_000)
  })

  it('takes back what was not needed, and is never more than full', () => {
    const two = spend(ALWAYS_FULL, LIMIT, { now: NOON, cost: 2 })
    expect(remaining(giveBack(two, LIMIT, { now: NOON }), LIMIT, NOON)).toBe(2)
    expect(remaining(giveBack(two, LIMIT, { now: NOON, cost: 9 }), LIMIT, NOON)).toBe(3)
  })

  it('is empty until the instant it was deferred to, then has one', () => {
    const until = NOON + 60_000
    const fullAt = deferTo(ALWAYS_FULL, LIMIT, until)
    expect(availableAt(fullAt, LIMIT, { now: NOON })).toBe(until)
    expect(remaining(fullAt, LIMIT, until)).toBe(1)
    expect(deferTo(fullAt, LIMIT, NOON)).toBe(fullAt)
    // Spending in a deferred bucket does not open it.
    expect(spend(fullAt, LIMIT, { now: NOON })).toBe(fullAt)
    const door: RateLimit = { capacity: 1, refillMs: 0 }
    const closed = deferTo(ALWAYS_FULL, door, until)
    const look = { cost: 0, reserve: 1 }
    expect(availableAt(closed, door, { now: NOON, ...look })).toBe(until)
    expect(availableAt(closed, door, { now: until, ...look })).toBe(until)
    expect([remaining(closed, door, NOON), remaining(closed, door, until)]).toEqual([0, 1])
  })

  it('does not stay shut for a clock that was far ahead', () => {
    const soon = NOON + 3_000 + LONGEST_DEFERRAL_MS
    expect(plausible(soon, LIMIT, NOON)).toBe(soon)
    expect(plausible(soon + 1, LIMIT, NOON)).toBe(ALWAYS_FULL)
  })
})

describe('a published limit', () => {
  const published = fc.record({
    count: fc.integer({ min: 1, max: 60 }),
    windowMs: fc.integer({ min: 60, max: 5_000 }),
  })

  it('that is counted over a window is never exceeded in any window', () => {
    fc.assert(
      fc.property(published, attempts, (limit, tries) => {
        const rate = rateLimitOf(limit, 'window')
        const greedy = Array.from({ length: 300 }, () => ({ afterMs: 25, cost: 1, reserve: 0 }))
        for (const each of [tries, greedy]) {
          expect(busiest(run(rate, each), limit.windowMs)).toBeLessThanOrEqual(limit.count)
        }
      }),
    )
  })

  it('gives a third at once and about two thirds in the long run', () => {
    const { capacity, refillMs } = rateLimitOf({ count: 300, windowMs: 10_800_000 }, 'window')
    expect({ capacity, refillMs }).toEqual({ capacity: 100, refillMs: 54_000 })
  })

  it('that is a bucket is that bucket', () => {
    expect(rateLimitOf({ count: 300, windowMs: 10_800_000 }, 'bucket')).toEqual({
      capacity: 300,
      refillMs: 36_000,
    })
  })
})
