import type { Kysely } from 'kysely'

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

import type { BudgetAnswer, BudgetRequest, BudgetStore, Bucket } from '../budget.ts'
import type { Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'

/** Rows removed with each write that adds at most a few: so there are never many that are full. */
const PRUNED = 20

export class SqlBudgetStore implements BudgetStore {
  readonly #database: SqlDatabase

  constructor(database: SqlDatabase) {
    this.#database = database
  }

  take(requests: readonly BudgetRequest[], now: number): Promise<BudgetAnswer> {
    return this.#database.transact(async (db) => {
      const answer = await answerOf(db, requests, now)
      if (answer.granted) await spendAll(db, requests, now)
      return answer
    })
  }

  look(requests: readonly BudgetRequest[], now: number): Promise<BudgetAnswer> {
    return this.#database.read((db) => answerOf(db, requests, now))
  }

  reserve(bucket: Bucket, { now, latest }: { now: number; latest: number }): Promise<number> {
    return this.#database.transact(async (db) => {
      const before = await readFullAt(db, bucket, now)
      const { turn, fullAt } = reserve(before, bucket.rate, { now, latest })
      await move(db, bucket, { now, next: () => fullAt })
      return turn
    })
  }

  async record(requests: readonly BudgetRequest[], now: number): Promise<void> {
    await this.#database.transact((db) => spendAll(db, requests, now))
  }

  async giveBack(requests: readonly BudgetRequest[], now: number): Promise<void> {
    await this.#database.transact(async (db) => {
      for (const request of requests) {
        const { rate, cost = 1 } = request
        await move(db, request, { now, next: (fullAt) => giveBack(fullAt, rate, { now, cost }) })
      }
    })
  }

  async refill(bucket: Bucket, now: number): Promise<void> {
    await this.#database.transact((db) => move(db, bucket, { now, next: () => now }))
  }

  async defer(bucket: Bucket, { until, now }: { until: number; now: number }): Promise<void> {
    const next = (fullAt: number): number => deferTo(fullAt, bucket.rate, until)
    await this.#database.transact((db) => move(db, bucket, { now, next }))
  }

  remaining(bucket: Bucket, now: number): Promise<number> {
    return this.#database.read(async (db) =>
      remaining(await readFullAt(db, bucket, now), bucket.rate, now),
    )
  }
}

async function answerOf(
  db: Kysely<Schema>,
  requests: readonly BudgetRequest[],
  now: number,
): Promise<BudgetAnswer> {
  let answer: BudgetAnswer = { granted: true }
  for (const request of requests) {
    const { rate, cost = 1, reserve = 0, refuses = true } = request
    if (!refuses) continue
    const fullAt = await readFullAt(db, request, now)
    const until = availableAt(fullAt, rate, { now, cost, reserve })
    if (until <= (answer.granted ? now : answer.until)) continue
    answer = { granted: false, until, refusedBy: request }
  }
  return answer
}

async function spendAll(
  db: Kysely<Schema>,
  requests: readonly BudgetRequest[],
  now: number,
): Promise<void> {
  for (const request of requests) {
    const { rate, cost = 1 } = request
    await move(db, request, { now, next: (fullAt) => spend(fullAt, rate, { now, cost }) })
  }
  await prune(db, now)
}

async function readFullAt(
  db: Kysely<Schema>,
  { ca, limit, key, rate }: Bucket,
  now: number,
): Promise<number> {
  const row = await db
    .selectFrom('rate_buckets')
    .select('full_at')
    .where('ca', '=', ca)
    .where('limit_name', '=', limit)
    .where('bucket_key', '=', key)
    .executeTakeFirst()
  return row ? plausible(row.full_at, rate, now) : ALWAYS_FULL
}

/** A bucket that is full by then needs no row. */
async function move(
  db: Kysely<Schema>,
  bucket: Bucket,
  { now, next }: { now: number; next: (fullAt: number) => number },
): Promise<void> {
  const before = await readFullAt(db, bucket, now)
  const after = next(before)
  if (after === before || Math.max(before, after) <= now) return
  const { ca, limit, key } = bucket
  await db
    .insertInto('rate_buckets')
    .values({ ca, limit_name: limit, bucket_key: key, full_at: after })
    .onConflict((conflict) =>
      conflict.columns(['ca', 'limit_name', 'bucket_key']).doUpdateSet({ full_at: after }),
    )
    .execute()
}

async function prune(db: Kysely<Schema>, now: number): Promise<void> {
  await db
    .deleteFrom('rate_buckets')
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('ca', 'limit_name', 'bucket_key'),
        'in',
        selectFrom('rate_buckets')
          .select(['ca', 'limit_name', 'bucket_key'])
          .where('full_at', '<=', now)
          .orderBy('full_at')
          .limit(PRUNED)
          .$asTuple('ca', 'limit_name', 'bucket_key'),
      ),
    )
    .execute()
}
