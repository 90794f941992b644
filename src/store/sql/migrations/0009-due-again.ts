import { sql } from 'kysely'

import type { Migration } from '../migrate.ts'

/** Records that are there get their value with their next write: each look is one. */
export const dueAgain: Migration = {
  name: 'due-again',

  async up(db) {
    await db.schema
      .alterTable('custom_hostnames')
      .addColumn('due_again', 'integer', (column) => column.notNull().defaultTo(0))
      .execute()
    await db.schema
      .createIndex('custom_hostnames_due_again')
      .on('custom_hostnames')
      .columns(['due_again', 'due_at', 'lease_until'])
      .where(sql.ref('due_at'), 'is not', null)
      .execute()
    // The new one does its work.
    await db.schema.dropIndex('custom_hostnames_due').execute()
  },
}
