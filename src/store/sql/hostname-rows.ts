import type { Kysely, Selectable } from 'kysely'

import type { CustomHostname } from '#domain/custom-hostname.ts'

import { changesOf, type CustomHostnameRow } from './custom-hostname-row.ts'
import type { CustomHostnameTable, Schema } from './schema.ts'

/** With all its columns, so that those are known that a write need not touch. */
export function selectWhole(
  db: Kysely<Schema>,
  id: string,
): Promise<Selectable<CustomHostnameTable> | undefined> {
  return db.selectFrom('custom_hostnames').selectAll().where('id', '=', id).executeTakeFirst()
}

/** Makes the row in the store, as it was read in this transaction, that of the record. */
export async function writeChanges(
  db: Kysely<Schema>,
  stored: CustomHostnameRow,
  record: CustomHostname,
): Promise<void> {
  const changes = changesOf(stored, record)
  if (!changes) return
  await db.updateTable('custom_hostnames').set(changes).where('id', '=', stored.id).execute()
}
