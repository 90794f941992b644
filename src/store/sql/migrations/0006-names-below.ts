import type { Kysely } from 'kysely'

import type { Migration } from '../migrate.ts'
import type { Schema } from '../schema.ts'

const BATCH = 1_000

export const namesBelow: Migration = {
  name: 'names-below',

  async up(db) {
    await db.schema
      .alterTable('custom_hostnames')
      .addColumn('reversed_name', 'text', (column) => column.notNull().defaultTo(''))
      .execute()
    await reverseAll(db)
    await db.schema
      .createIndex('custom_hostnames_by_reversed_name')
      .on('custom_hostnames')
      .columns(['zone_id', 'reversed_name'])
      .execute()
  },
}

async function reverseAll(db: Kysely<Schema>): Promise<void> {
  let after = ''
  for (;;) {
    const rows = await db
      .selectFrom('custom_hostnames')
      .select(['id', 'hostname'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(BATCH)
      .execute()
    const last = rows.at(-1)
    if (!last) return
    for (const { id, hostname } of rows) {
      const reversed_name = hostname.split('.').reverse().join('.')
      await db.updateTable('custom_hostnames').set({ reversed_name }).where('id', '=', id).execute()
    }
    after = last.id
  }
}
