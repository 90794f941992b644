import {
  ALWAYS_FULL,
  availableAt,
  deferTo,
  giveBack,
  plausible,
  remaining,
  reserve,
  spend,
} from '#domain/rate-limit.ts'
import type { BudgetAnswer, BudgetRequest, BudgetStore, Bucket } from '#store/budget.ts'

/** The buckets of one process in a map: the SQL store's arithmetic without its disk. */
export class MemoryBudgetStore implements BudgetStore {
  readonly #fullAt = new Map<string, number>()

  async take(requests: readonly BudgetRequest[], now: number): Promise<BudgetAnswer> {
    const answer = this.#answer(requests, now)
    if (answer.granted) this.#spendAll(requests, now)
    return answer
  }

  async look(requests: readonly BudgetRequest[], now: number): Promise<BudgetAnswer> {
    return this.#answer(requests, now)
  }

  async reserve(bucket: Bucket, { now, latest }: { now: number; latest: number }): Promise<number> {
    const { turn, fullAt } = reserve(this.#read(bucket, now), bucket.rate, { now, latest })
    this.#write(bucket, fullAt, now)
    return turn
  }

  async record(requests: readonly BudgetRequest[], now: number): Promise<void> {
    this.#spendAll(requests, now)
  }

  async giveBack(requests: readonly BudgetRequest[], now: number): Promise<void> {
    for (const request of requests) {
      const { rate, cost = 1 } = request
      this.#write(request, giveBack(this.#read(request, now), rate, { now, cost }), now)
    }
  }

  async refill(bucket: Bucket, now: number): Promise<void> {
    this.#write(bucket, now, now)
  }

  async defer(bucket: Bucket, { until, now }: { until: number; now: number }): Promise<void> {
    this.#write(bucket, deferTo(this.#read(bucket, now), bucket.rate, until), now)
  }

  async remaining(bucket: Bucket, now: number): Promise<number> {
    return remaining(this.#read(bucket, now), bucket.rate, now)
  }

  #answer(requests: readonly BudgetRequest[], now: number): BudgetAnswer {
    let answer: BudgetAnswer = { granted: true }
    for (const request of requests) {
      const { rate, cost = 1, reserve = 0, refuses = true } = request
      if (!refuses) continue
      const until = availableAt(this.#read(request, now), rate, { now, cost, reserve })
      if (until <= (answer.granted ? now : answer.until)) continue
      answer = { granted: false, until, refusedBy: request }
    }
    return answer
  }

  #spendAll(requests: readonly BudgetRequest[], now: number): void {
    for (const request of requests) {
      const { rate, cost = 1 } = request
      this.#write(request, spend(this.#read(request, now), rate, { now, cost }), now)
    }
  }

  #read(bucket: Bucket, now: number): number {
    return plausible(this.#fullAt.get(keyOf(bucket)) ?? ALWAYS_FULL, bucket.rate, now)
  }

  #write(bucket: Bucket, fullAt: number, now: number): void {
    if (fullAt > now) this.#fullAt.set(keyOf(bucket), fullAt)
    else this.#fullAt.delete(keyOf(bucket))
  }
}

function keyOf({ ca, limit, key }: Bucket): string {
  return `${ca}\n${limit}\n${key}`
}
