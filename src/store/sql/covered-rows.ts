import { setImmediate } from 'node:timers/promises'

import type { Kysely } from 'kysely'

import type { NewHold } from '#domain/hold.ts'

import { RECORD_COLUMNS, reverseLabels, type RecordRow } from './custom-hostname-row.ts'
import type { Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'

const BATCH = 500

/**
 * The hostnames that a hold covers: those of its name, then those below it, zone after zone, each by
 * a step into the index of reversed names. A million others are not read, and no read is long.
 */
export async function* coveredRows(
  database: SqlDatabase,
  { domain, includeSubdomains }: Pick<NewHold, 'domain' | 'includeSubdomains'>,
): AsyncGenerator<RecordRow[]> {
  yield await database.read((db) => selectRecords(db).where('hostname', '=', domain).execute())
  if (!includeSubdomains) return
  const name = reverseLabels(domain)
  const zones = await database.read((db) => db.selectFrom('zones').select('id').execute())
  for (const { id } of zones) yield* rowsBelow(database, { zoneId: id, name })
}

async function* rowsBelow(
  database: SqlDatabase,
  { zoneId, name }: { zoneId: string; name: string },
): AsyncGenerator<RecordRow[]> {
  let after = { name: `${name}.`, id: '' }
  for (;;) {
    const rows = await database.read((db) => selectBelow(db, { zoneId, name, after }).execute())
    const last = rows.at(-1)
    // Reads are done before they return: without it a thousand zones are one long turn of the loop.
    await setImmediate()
    if (!last) return
    yield rows
    after = { name: reverseLabels(last.hostname), id: last.id }
  }
}

/** A slash is what follows a dot, and no name has one. */
export function selectBelow(
  db: Kysely<Schema>,
  query: { zoneId: string; name: string; after: { name: string; id: string } },
) {
  const { zoneId, name, after } = query
  return selectRecords(db)
    .where('zone_id', '=', zoneId)
    .where('reversed_name', '<', `${name}/`)
    .where(({ eb, refTuple, tuple }) =>
      eb(refTuple('reversed_name', 'id'), '>', tuple(after.name, after.id)),
    )
    .orderBy('reversed_name')
    .orderBy('id')
    .limit(BATCH)
}

function selectRecords(db: Kysely<Schema>) {
  return db.selectFrom('custom_hostnames').select(RECORD_COLUMNS)
}
