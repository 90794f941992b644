import type { Kysely } from 'kysely'

import { RECORD_COLUMNS, type RecordRow } from './custom-hostname-row.ts'
import type { Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'

const BATCH = 500

/** Rows that a clock wrote which was ahead of `now`. Each read is short and steps into the index. */
export async function* misdatedRows(
  database: SqlDatabase,
  now: number,
): AsyncGenerator<RecordRow[]> {
  let after = { written_after: now, id: '' }
  for (;;) {
    const rows = await database.read((db) => readAfter(db, after))
    const last = rows.at(-1)
    if (!last) return
    yield rows
    after = { written_after: Number(last.written_after), id: last.id }
  }
}

function readAfter(db: Kysely<Schema>, after: { written_after: number; id: string }) {
  return db
    .selectFrom('custom_hostnames')
    .select([...RECORD_COLUMNS, 'written_after'])
    .where(({ eb, refTuple, tuple }) =>
      eb(refTuple('written_after', 'id'), '>', tuple(after.written_after, after.id)),
    )
    .orderBy('written_after')
    .orderBy('id')
    .limit(BATCH)
    .execute()
}

export async function countMisdatedRows(db: Kysely<Schema>, now: number): Promise<number> {
  const { count } = await db
    .selectFrom('custom_hostnames')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('written_after', '>', now)
    .executeTakeFirstOrThrow()
  return Number(count)
}
