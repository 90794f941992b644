import type { CaLimits } from '#domain/ca-limits.ts'
import { LONGEST_DEFERRAL_MS } from '#domain/rate-limit.ts'
import type { Clock } from '#lib/clock.ts'
import type { Metrics } from '#lib/metrics.ts'
import type { Bucket, BudgetAnswer, BudgetRequest } from '#store/budget.ts'
import type { Store } from '#store/store.ts'

import type { Budget, Grant, PlannedOrder, Refusal, TakenOrder } from './budget.ts'
import { CaBuckets, limitNameOf } from './ca-buckets.ts'
import { RESERVED_SHARE, waysOf, type Way } from './fair-shares.ts'
import { observeLedger } from './ledger-metrics.ts'
import { limitInProblem } from './limit-in-problem.ts'
import { limitSentence } from './limit-sentence.ts'
import { WaitingLine } from './waiting-line.ts'

export interface LedgerOptions {
  store: Pick<Store, 'budget'>
  clock: Clock
  metrics: Metrics
  /** Those that there are, for the metrics. */
  cas: readonly string[]
  limitsOf(ca: string): CaLimits
}

/** Priorities change, numbers are set anew, tokens come back: nobody sleeps for longer. */
const LONGEST_SLEEP_MS = 6 * 3_600_000

const DOOR_STEP_MS = 1_000
const DEFAULT_PAUSE_MS = 60_000
/** Whoever refuses is not asked again in the same moment, whatever he says. */
const SHORTEST_PAUSE_MS = 1_000
/**
 * A limit that we do not know may be one name's: it must not stop all others for the day that the CA
 * wants for it. If it was the account's, one request in so long finds it closed still.
 */
const LONGEST_PAUSE_MS = 10 * 60_000

/** The budget, kept in the store. */
export function createLedger(options: LedgerOptions): Budget {
  return new Ledger(options)
}

type Refused = Extract<BudgetAnswer, { granted: false }>

class Ledger implements Budget {
  readonly #options: LedgerOptions
  readonly #buckets: CaBuckets
  readonly #line = new WaitingLine()
  readonly #countWait: (wait: { ca: string; limit: string }) => void

  constructor(options: LedgerOptions) {
    this.#options = options
    const buckets = new CaBuckets((ca) => options.limitsOf(ca))
    this.#buckets = buckets
    const doorOf = (ca: string): BudgetRequest => look(buckets.door(ca), 0)
    const ordersOf = (ca: string): Bucket | undefined => buckets.ordersOf(ca)
    this.#countWait = observeLedger({ ...options, doorOf, ordersOf })
  }

  async take(request: PlannedOrder): Promise<Grant> {
    const [first, ...others] = waysOf(request, this.#buckets)
    let refusal = await this.#takeBy(first, request)
    for (const way of others) {
      if (!refusal || !isOfOrders(refusal.refusedBy)) break
      refusal = sooner(refusal, await this.#takeBy(way, request))
    }
    return refusal ? this.#refuse(refusal, request) : { granted: true }
  }

  /**
   * No more than what still lacks of it: a bucket that has been full since then has forgotten it, and
   * what it lacks now others have spent. Time can have given back no more than its own length.
   */
  async giveBack({ takenAt, ...order }: TakenOrder): Promise<void> {
    const { store, clock } = this.#options
    const now = clock.now()
    const ageMs = Math.max(0, now - takenAt)
    // The order itself was made.
    const spent = this.#buckets.spendings(order).filter((bucket) => !isOfOrders(bucket))
    const unused = spent
      .map((bucket) => ({ ...bucket, cost: 1 - ageMs / bucket.rate.refillMs }))
      .filter(({ cost }) => cost > 0)
    if (unused.length > 0) await store.budget.giveBack(unused, now)
  }

  async mayValidate(request: Pick<PlannedOrder, 'ca' | 'hostname' | 'priority'>): Promise<Grant> {
    const { ca, hostname, priority } = request
    const { store, clock } = this.#options
    const share = RESERVED_SHARE[priority]
    const requests = [
      ...this.#buckets.doors(ca, hostname).map((door) => look(door, 0)),
      ...this.#buckets.failures(request).map((bucket) => look(bucket, share)),
    ]
    const asking = { ...request, isReady: true, zoneId: '' }
    const answer = await store.budget.look(requests, clock.now())
    if (!answer.granted) return this.#refuse(answer, asking)
    this.#leave(requests, asking)
    return answer
  }

  async noteFailedValidation(failure: Pick<PlannedOrder, 'ca' | 'hostname'>): Promise<void> {
    const { store, clock } = this.#options
    const failures = this.#buckets.failures(failure)
    if (failures.length > 0) await store.budget.record(failures, clock.now())
  }

  async noteValidation({ ca, hostname }: Pick<PlannedOrder, 'ca' | 'hostname'>): Promise<void> {
    const { store, clock } = this.#options
    const now = clock.now()
    const limit = 'consecutive_failures'
    for (const bucket of this.#buckets.find(ca, { limit, keys: [hostname] })) {
      // Nearly always it is full, and reading is cheaper than writing.
      const left = await store.budget.remaining(bucket, now)
      if (left < bucket.rate.capacity) await store.budget.refill(bucket, now)
    }
  }

  async noteLimited(refusal: Refusal): Promise<number> {
    const { store, clock } = this.#options
    const { ca, hostname, retryAfterMs, problem } = refusal
    const now = clock.now()
    const wantedMs = Math.max(retryAfterMs ?? DEFAULT_PAUSE_MS, SHORTEST_PAUSE_MS)
    const pauseMs = Math.min(wantedMs, LONGEST_DEFERRAL_MS)
    const until = now + pauseMs
    const limit = limitInProblem(problem)
    const limited = limit ? this.#buckets.named(limit, refusal) : []
    for (const bucket of limited) await store.budget.defer(bucket, { until, now })
    if (limited.length > 0) return until
    const [ofAll, ofName] = this.#buckets.doors(ca, hostname)
    const soon = Math.min(until, now + LONGEST_PAUSE_MS)
    if (ofAll) await store.budget.defer(ofAll, { until: soon, now })
    if (ofName && until > soon) await store.budget.defer(ofName, { until, now })
    return until
  }

  /** @returns undefined where it was granted */
  async #takeBy(way: Way, request: PlannedOrder): Promise<Refused | undefined> {
    const { store, clock } = this.#options
    const requests = this.#requestsOf(request, way)
    const answer = await store.budget.take(requests, clock.now())
    if (!answer.granted) return answer
    this.#leave(requests, request)
    return undefined
  }

  #requestsOf(request: PlannedOrder, { reserve, shares }: Way): BudgetRequest[] {
    const { ca, hostname, priority, exemption } = request
    const share = RESERVED_SHARE[priority]
    const spendings = this.#buckets.spendings(request)
    return [
      ...this.#buckets.doors(ca, hostname).map((door) => look(door, 0)),
      ...spendings.map((bucket) => spending(bucket, isOfOrders(bucket) ? reserve : share)),
      ...this.#buckets.failures(request, exemption).map((bucket) => look(bucket, share)),
      ...(spendings.some(isOfOrders) ? shares : []),
    ]
  }

  #leave(requests: readonly BudgetRequest[], asking: Asking): void {
    const lines = requests.map((bucket) => lineOf(bucket, asking))
    for (const line of new Set(lines)) this.#line.leave({ line, who: asking.hostname })
  }

  #refuse({ refusedBy, until: earliest }: Refused, asking: Asking): Grant {
    const { ca, hostname, isReady } = asking
    const now = this.#options.clock.now()
    const limit = limitNameOf(refusedBy)
    const { key } = refusedBy
    const isUnready = !isReady && isOfOrders(refusedBy)
    const line = lineOf(refusedBy, asking)
    const { rate } = (isOfOrders(refusedBy) && this.#buckets.ordersOf(ca)) || refusedBy
    const stepMs = Math.max(rate.refillMs, DOOR_STEP_MS)
    const until = this.#line.placeOf({ line, who: hostname, earliest, stepMs, now })
    const askAgainAt = Math.min(until, now + LONGEST_SLEEP_MS)
    const limits = this.#options.limitsOf(ca)
    const sentence = limitSentence(limits, { limit, key, until, isUnready })
    this.#countWait({ ca, limit })
    return { granted: false, until, askAgainAt, limit, sentence }
  }
}

type Asking = Pick<PlannedOrder, 'ca' | 'hostname' | 'zoneId' | 'isReady' | 'priority'>

/** Who waits for orders waits behind others of the zone only: they all have their shares. */
function lineOf(bucket: Bucket, { zoneId, isReady, priority }: Asking): string {
  const { ca, limit, key } = bucket
  if (!isOfOrders(bucket) || priority === 'expiring') return [ca, limit, key, priority].join('\n')
  return [ca, 'orders', zoneId, priority, String(isReady)].join('\n')
}

/** What refuses the first way, until the earliest instant at which any is open; a limit that stands in all of them goes before. */
function sooner(one: Refused, next: Refused | undefined): Refused | undefined {
  if (!next || !isOfOrders(next.refusedBy)) return next
  return { ...one, until: Math.min(one.until, next.until) }
}

/** Whether another way may be open where this bucket refuses. */
function isOfOrders({ limit }: Bucket): boolean {
  return ['orders_per_account', 'zone_orders', 'zone_first_orders'].includes(limit)
}

function spending(bucket: Bucket, share: number): BudgetRequest {
  return { ...bucket, reserve: reserveOf(bucket, share) }
}

/** Asks whether one could be spent beyond what is reserved. */
function look(bucket: Bucket, share: number): BudgetRequest {
  return { ...bucket, cost: 0, reserve: 1 + reserveOf(bucket, share) }
}

/** Rounded up: even of two something is left for what ends. */
function reserveOf({ rate: { capacity } }: Bucket, share: number): number {
  // Not 1 of 5 and a little more, as 0.2 is in binary.
  return Math.ceil(Number((capacity * share).toFixed(6)))
}
