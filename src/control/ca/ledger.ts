import { rateLimitOf, type CaLimit, type CaLimits } from '#domain/ca-limits.ts'
import { normaliseServerName, registeredDomainOf, type Hostname } from '#domain/hostname.ts'
import { LONGEST_DEFERRAL_MS, type RateLimit } from '#domain/rate-limit.ts'
import type { Clock } from '#lib/clock.ts'
import type { Metrics } from '#lib/metrics.ts'
import type { Store } from '#store/store.ts'
import type { Bucket, BudgetAnswer, BudgetRequest } from '#store/budget.ts'

import type {
  Budget,
  PlannedOrder,
  Exemption,
  Grant,
  LimitName,
  Priority,
  Refusal,
} from './budget.ts'
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

/** Of each bucket, what is left for those who are more urgent. */
const RESERVED_SHARE = { expiring: 0, new: 0.2, retry: 0.5 } as const satisfies Record<
  Priority,
  number
>

/** Priorities change, numbers are set anew, tokens come back: nobody sleeps for longer. */
const LONGEST_SLEEP_MS = 6 * 3_600_000

/** Open, or closed until the CA will hear from us again. */
const DOOR: RateLimit = { capacity: 1, refillMs: 0 }
const DOOR_STEP_MS = 1_000
const DEFAULT_PAUSE_MS = 60_000
/**
 * A limit that we do not know may be one name's: it must not stop all others for the day that the CA
 * wants for it. If it was the account's, one request in so long finds it closed still.
 */
const LONGEST_PAUSE_MS = 10 * 60_000

/** The budget, kept in the store. */
export function createLedger(options: LedgerOptions): Budget {
  return new Ledger(options)
}

class Ledger implements Budget {
  readonly #options: LedgerOptions
  readonly #line = new WaitingLine()
  readonly #countWait: (wait: { ca: string; limit: string }) => void

  constructor(options: LedgerOptions) {
    this.#options = options
    const doorOf = (ca: string): BudgetRequest => look(door(ca), 0)
    const ordersOf = (ca: string): Bucket | undefined =>
      this.#buckets(ca, { limit: 'orders_per_account', keys: [''] })[0]
    this.#countWait = observeLedger({ ...options, doorOf, ordersOf })
  }

  async take(request: PlannedOrder): Promise<Grant> {
    const { ca, hostname, priority, exemption } = request
    const { store, clock } = this.#options
    const share = RESERVED_SHARE[priority]
    const isExempt = this.#isExempt(ca, 'failed_validations', exemption)
    const failures = isExempt ? [] : this.#failures(ca, hostname)
    const requests = [
      look(door(ca), 0),
      ...this.#spendings(request).map((bucket) => spending(bucket, share)),
      ...failures.map((bucket) => look(bucket, share)),
    ]
    const answer = await store.budget.take(requests, clock.now())
    return this.#grant(answer, { ...request, requests })
  }

  async giveBack(request: Pick<PlannedOrder, 'ca' | 'names' | 'exemption'>): Promise<void> {
    const { store, clock } = this.#options
    const unused = this.#spendings(request).filter(({ limit }) => limit !== 'orders_per_account')
    if (unused.length > 0) await store.budget.giveBack(unused, clock.now())
  }

  async mayValidate(request: Pick<PlannedOrder, 'ca' | 'hostname' | 'priority'>): Promise<Grant> {
    const { ca, hostname, priority } = request
    const { store, clock } = this.#options
    const failures = this.#failures(ca, hostname)
    const share = RESERVED_SHARE[priority]
    const requests = [look(door(ca), 0), ...failures.map((bucket) => look(bucket, share))]
    const answer = await store.budget.look(requests, clock.now())
    return this.#grant(answer, { ...request, requests })
  }

  async noteFailedValidation({
    ca,
    hostname,
  }: Pick<PlannedOrder, 'ca' | 'hostname'>): Promise<void> {
    const { store, clock } = this.#options
    const failures = this.#failures(ca, hostname)
    if (failures.length > 0) await store.budget.record(failures, clock.now())
  }

  async noteLimited({ ca, hostname, names, retryAfterMs, problem }: Refusal): Promise<void> {
    const { store, clock } = this.#options
    const limit = limitInProblem(problem)
    const keys = limit ? keysOf(limit, { hostname, names }) : []
    const limited = limit ? this.#buckets(ca, { limit, keys }) : []
    const longestMs = limited.length > 0 ? LONGEST_DEFERRAL_MS : LONGEST_PAUSE_MS
    const now = clock.now()
    const until = now + Math.min(Math.max(retryAfterMs ?? DEFAULT_PAUSE_MS, 0), longestMs)
    for (const bucket of limited.length > 0 ? limited : [door(ca)]) {
      await store.budget.defer(bucket, { until, now })
    }
  }

  /** What an order spends from. */
  #spendings(request: Pick<PlannedOrder, 'ca' | 'names' | 'exemption'>): Bucket[] {
    const { ca, names, exemption } = request
    return ORDER_LIMITS.filter((limit) => !this.#isExempt(ca, limit, exemption)).flatMap((limit) =>
      this.#buckets(ca, { limit, keys: keysOf(limit, { names }) }),
    )
  }

  #failures(ca: string, hostname: Hostname): Bucket[] {
    return this.#buckets(ca, { limit: 'failed_validations', keys: [hostname] })
  }

  #isExempt(ca: string, limit: CaLimit, exemption: Exemption): boolean {
    return exemption !== 'none' && this.#options.limitsOf(ca).exempt[exemption].includes(limit)
  }

  /** None where the CA does not limit it. */
  #buckets(ca: string, { limit, keys }: { limit: CaLimit; keys: readonly string[] }): Bucket[] {
    const { published, metering } = this.#options.limitsOf(ca)
    const rule = published[limit]
    if (!rule) return []
    const rate = rateLimitOf(rule, metering)
    return keys.map((key) => ({ ca, limit, key, rate }))
  }

  #grant(answer: BudgetAnswer, { hostname, priority, requests }: Asked): Grant {
    const lineOf = ({ ca, limit, key }: Bucket): string => [ca, limit, key, priority].join('\n')
    if (answer.granted) {
      for (const bucket of requests) this.#line.leave({ line: lineOf(bucket), who: hostname })
      return answer
    }
    const { refusedBy, until: earliest } = answer
    const { ca, key, rate } = refusedBy
    const limit = limitNameOf(refusedBy)
    const stepMs = Math.max(rate.refillMs, DOOR_STEP_MS)
    const until = this.#line.placeOf({ line: lineOf(refusedBy), who: hostname, earliest, stepMs })
    const askAgainAt = Math.min(until, this.#options.clock.now() + LONGEST_SLEEP_MS)
    const sentence = limitSentence(this.#options.limitsOf(ca), { limit, key, until })
    this.#countWait({ ca, limit })
    return { granted: false, until, askAgainAt, limit, sentence }
  }
}

interface Asked extends Pick<PlannedOrder, 'hostname' | 'priority'> {
  requests: readonly BudgetRequest[]
}

const ORDER_LIMITS = [
  'orders_per_account',
  'certificates_per_domain',
  'duplicate_certificates',
] as const satisfies readonly CaLimit[]

/** What a limit counts by. */
function keysOf(
  limit: CaLimit,
  { hostname, names }: { hostname?: Hostname; names: readonly string[] },
): string[] {
  switch (limit) {
    case 'orders_per_account':
      return ['']
    case 'certificates_per_domain':
      return [...new Set(names.map(domainOf))]
    case 'duplicate_certificates':
      return [[...new Set(names)].sort().join(' ')]
    case 'failed_validations':
      return hostname === undefined ? [] : [hostname]
    default:
      return limit satisfies never
  }
}

/** @throws {TypeError} what is no name */
function domainOf(name: string): string {
  const hostname = normaliseServerName(name.replace(/^\*\./, ''))
  if (hostname === undefined) throw new TypeError(`Cannot order a certificate for ${name}`)
  return registeredDomainOf(hostname)
}

function door(ca: string): Bucket {
  return { ca, limit: 'retry_after', key: '', rate: DOOR }
}

function spending(bucket: Bucket, share: number): BudgetRequest {
  return { ...bucket, reserve: Math.floor(bucket.rate.capacity * share) }
}

/** Asks whether one could be spent beyond what is reserved. */
function look(bucket: Bucket, share: number): BudgetRequest {
  return { ...bucket, cost: 0, reserve: 1 + Math.floor(bucket.rate.capacity * share) }
}

function limitNameOf({ limit }: Bucket): LimitName {
  return (
    ['failed_validations' as const, ...ORDER_LIMITS].find((one) => one === limit) ?? 'retry_after'
  )
}
