import type { Interval } from './intervals.ts'
import { DAY, HOUR } from './units.ts'

/** What the CA promises from a day on. */
export interface CaEra {
  from: number
  lifetimeMs: number
  /** So long a name that was proved needs no new proof. */
  reuseMs: number
}

export interface Scenario {
  hostnames: number
  startAt: number
  endAt: number
  /** Hostnames are created from `startAt` on for so long. */
  arrivalMs: number
  /** In order of time. */
  eras: readonly CaEra[]
  /** The CA answers nothing then. In order of time, apart from each other. */
  outages: readonly Interval[]
  /** The control plane starts anew then, and knows nothing but what it has stored. @default never */
  restarts?: readonly number[]
  /** Orders of the account in three hours. */
  ordersPerThreeHours: number
  /** Of all customers, how many break their DNS once. */
  brokenShare: number
  seed: number
}

/** The number of hostnames. */
export const FULL_SIZE = 100_000

/**
 * Let's Encrypt's published 300 orders in three hours let 100,000 hostnames of two chains in within
 * 83 days. A hoster of this size asks for more and gets it; twice as much lets them in within
 * six weeks. All other limits are as published.
 */
export const LIMIT_FACTOR = 2
const PUBLISHED_ORDERS = 300

/** https://letsencrypt.org/2025/12/02/from-90-to-45: classic profile and reuse of authorizations. */
const ERAS: readonly CaEra[] = [
  { from: 0, lifetimeMs: 90 * DAY, reuseMs: 30 * DAY },
  { from: Date.UTC(2027, 1, 10), lifetimeMs: 64 * DAY, reuseMs: 10 * DAY },
  { from: Date.UTC(2028, 1, 16), lifetimeMs: 45 * DAY, reuseMs: 7 * HOUR },
]

/** Each length in each era, and the longest twice in the era that leaves the least time. */
const OUTAGES: readonly (readonly [startAt: number, days: number])[] = [
  [Date.UTC(2026, 9, 12, 14), 1 / 24],
  [Date.UTC(2026, 10, 24, 3), 5],
  [Date.UTC(2027, 0, 11, 9), 1],
  [Date.UTC(2027, 3, 6, 11), 0.25],
  [Date.UTC(2027, 5, 14, 20), 5],
  [Date.UTC(2027, 8, 1, 8), 2],
  [Date.UTC(2027, 10, 26, 16), 3],
  [Date.UTC(2028, 2, 20, 13), 5],
  [Date.UTC(2028, 4, 2, 7), 0.25],
  [Date.UTC(2028, 5, 5, 22), 5],
  [Date.UTC(2028, 6, 11, 10), 1],
]

/**
 * Two years of so many hostnames. The account's limit is scaled with them, so that a small fleet comes
 * in, and is renewed, in the shape of the large one.
 */
export function createScenario({
  hostnames = FULL_SIZE,
  seed = 1,
}: { hostnames?: number; seed?: number } = {}): Scenario {
  const scale = hostnames / FULL_SIZE
  return {
    hostnames,
    startAt: Date.UTC(2026, 7, 3),
    endAt: Date.UTC(2028, 7, 3),
    arrivalMs: 42 * DAY,
    eras: ERAS,
    outages: OUTAGES.map(([start, days]) => ({ start, end: start + days * DAY })),
    ordersPerThreeHours: Math.ceil(PUBLISHED_ORDERS * LIMIT_FACTOR * scale),
    brokenShare: 0.02,
    seed,
  }
}

export function eraAt({ eras }: Pick<Scenario, 'eras'>, at: number): CaEra {
  const era = eras.findLast(({ from }) => from <= at)
  if (!era) throw new RangeError(`no era covers ${new Date(at).toISOString()}`)
  return era
}
