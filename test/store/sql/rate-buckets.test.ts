import { join } from 'node:path'

import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'

import { createSealer } from '#lib/sealing.ts'
import { createSqlStore } from '#store/sql/open-sql-store.ts'
import type { SqlDatabase } from '#store/sql/sql-database.ts'
import { openSqliteDatabase } from '#store/sql/sqlite/sqlite-database.ts'
import { NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

const RATE = { capacity: 5, refillMs: 1_000 }
const bucketOf = (n: number) => ({ ca: 'a', limit: 'duplicates', key: `app${n}`, rate: RATE })

async function countRows(database: SqlDatabase): Promise<number> {
  const { count } = await database.read((db) =>
    db
      .selectFrom('rate_buckets')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow(),
  )
  return count
}

describe('the table of buckets', () => {
  it('holds those that are not full, and loses the others by and by', async () => {
    using dir = tempDir()
    const database = openSqliteDatabase(join(dir.path, 'custos.db'))
    const sealer = createSealer([new Uint8Array(32)])
    await using store = await createSqlStore(database, { sealer })
    const { budget } = store
    for (let n = 0; n < 100; n++) await budget.take([bucketOf(n)], NOON)
    expect(await countRows(database)).toBe(100)
    for (let n = 0; n < 10; n++) await budget.take([bucketOf(n)], NOON + 1_000)
    expect(await countRows(database)).toBe(10)
    await budget.record([], NOON + 2_000)
    expect(await countRows(database)).toBe(0)
  })

  it('gets no row by a look, a refusal, or what costs nothing', async () => {
    using dir = tempDir()
    const database = openSqliteDatabase(join(dir.path, 'custos.db'))
    const sealer = createSealer([new Uint8Array(32)])
    await using store = await createSqlStore(database, { sealer })
    const { budget } = store
    await budget.look([bucketOf(1)], NOON)
    await budget.take([{ ...bucketOf(2), cost: 6 }], NOON)
    await budget.take([{ ...bucketOf(3), cost: 0, reserve: 1 }], NOON)
    await budget.take([{ ...bucketOf(4), rate: { capacity: 1, refillMs: 0 } }], NOON)
    await budget.giveBack([bucketOf(5)], NOON)
    expect(await countRows(database)).toBe(0)
  })

  it('finds what is full through an index', async () => {
    using dir = tempDir()
    const database = openSqliteDatabase(join(dir.path, 'custos.db'))
    const sealer = createSealer([new Uint8Array(32)])
    await using _store = await createSqlStore(database, { sealer })
    const steps = await database.read((db) =>
      db
        .selectFrom('rate_buckets')
        .selectAll()
        .where('full_at', '<=', NOON)
        .orderBy('full_at')
        .limit(20)
        .explain<{ detail: string }>(undefined, sql`query plan`),
    )
    const plan = steps.map(({ detail }) => detail).join('; ')
    expect(plan).toContain('USING INDEX rate_buckets_full (full_at<?)')
    expect(plan).not.toContain('TEMP B-TREE')
  })
})
