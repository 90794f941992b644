import { LRUCache } from 'lru-cache'

import type { Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import { TokenBucket, type TokenRate } from '#lib/token-bucket.ts'

import type { DcvRecords } from './dcv-records.ts'

export type Transport = 'udp' | 'tcp'

/** `busy`: too many look for names that may be invented; nothing was looked up. */
export type Found = Awaited<ReturnType<DcvRecords['findTxt']>> | 'busy'

export interface LookupsOptions {
  records: DcvRecords
  clock: Clock
  /** Of reads for names that were not found before, by UDP and by TCP. @default 500 a second each */
  coldRate?: TokenRate
  /** Reads under way. @default 64 */
  maxRunning?: number
  /** How long a read may take, in milliseconds. @default 2000 */
  deadlineMs?: number
}

export interface Question {
  hostname: Hostname
  delegationUuid: string
  transport: Transport
}

/** How long an answer counts as new: a name that everybody asks for costs one read in that time. */
const FRESH_MS = 1_000
const MAX_FRESH = 10_000
const MAX_FOUND = 10_000

/**
 * Stands between the Internet and the store. A name's answer is kept for a moment, calls for one name
 * share a read, and names that nobody has found before share a budget: a flood of invented names costs
 * the store no more than that, and names that were found once do not queue behind it. UDP and TCP have
 * a budget each, because the source of a UDP query can be forged and that of a TCP one cannot.
 */
export class Lookups {
  readonly #records: DcvRecords
  readonly #clock: Clock
  readonly #cold: Readonly<Record<Transport, TokenBucket>>
  readonly #maxRunning: number
  readonly #deadlineMs: number
  readonly #fresh = new LRUCache<string, { at: number; values: readonly string[] | undefined }>({
    max: MAX_FRESH,
  })
  readonly #found = new LRUCache<string, true>({ max: MAX_FOUND })
  #running = new Map<string, Promise<readonly string[] | undefined>>()
  #runningCount = 0

  constructor(options: LookupsOptions) {
    const { records, clock, coldRate = { perSecond: 500, burst: 500 } } = options
    this.#records = records
    this.#clock = clock
    this.#cold = {
      udp: new TokenBucket(coldRate, clock.now()),
      tcp: new TokenBucket(coldRate, clock.now()),
    }
    this.#maxRunning = options.maxRunning ?? 64
    this.#deadlineMs = options.deadlineMs ?? 2_000
  }

  /** @throws when it cannot be found out */
  hasDelegation(delegationUuid: string): Promise<boolean> {
    return this.#inTime(this.#records.hasDelegation(delegationUuid))
  }

  /** @throws when it cannot be found out */
  async findTxt(question: Question): Promise<Found> {
    const key = `${question.hostname} ${question.delegationUuid}`
    const fresh = this.#fresh.get(key)
    if (fresh && Math.abs(this.#clock.now() - fresh.at) < FRESH_MS) return fresh.values
    if (!(await this.hasDelegation(question.delegationUuid))) return undefined
    const running = this.#running.get(key)
    if (running) return running
    return this.#mayRead(key, question.transport) ? this.#read(key, question) : 'busy'
  }

  /** Something was written that changes answers: nothing that was read before counts any more. */
  forget(): void {
    this.#fresh.clear()
    this.#running = new Map()
  }

  #mayRead(key: string, transport: Transport): boolean {
    if (this.#runningCount >= this.#maxRunning) return false
    return this.#found.has(key) || this.#cold[transport].take(this.#clock.now())
  }

  /** A read that is late fails for its callers, but counts until it has ended. */
  #read(
    key: string,
    { hostname, delegationUuid }: Question,
  ): Promise<readonly string[] | undefined> {
    const generation = this.#running
    this.#runningCount += 1
    const at = this.#clock.now()
    const reading = this.#records.findTxt(hostname, delegationUuid).finally(() => {
      this.#runningCount -= 1
      generation.delete(key)
    })
    const read = this.#inTime(reading).then((values) => {
      if (values) this.#found.set(key, true)
      if (generation === this.#running) this.#fresh.set(key, { at, values })
      return values
    })
    generation.set(key, read)
    return read
  }

  #inTime<Value>(work: Promise<Value>): Promise<Value> {
    const late = Promise.withResolvers<never>()
    const timer = this.#clock.after(this.#deadlineMs, () =>
      late.reject(new Error(`the store has not answered within ${this.#deadlineMs} ms`)),
    )
    return Promise.race([work, late.promise]).finally(() => timer.cancel())
  }
}
