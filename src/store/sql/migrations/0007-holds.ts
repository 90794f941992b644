import { sql } from 'kysely'

import type { Migration } from '../migrate.ts'

export const holds: Migration = {
  name: 'holds',

  async up(db) {
    await db.schema
      .createTable('holds')
      .addColumn('domain', 'text', (column) => column.primaryKey())
      .addColumn('reason', 'text')
      .addColumn('include_subdomains', 'integer', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('updated_at', 'bigint', (column) => column.notNull())
      .addColumn('enforced_at', 'bigint')
      .execute()
    // Mostly empty: asked for whenever a control process looks for work.
    await db.schema
      .createIndex('holds_unenforced')
      .on('holds')
      .columns(['updated_at', 'domain'])
      .where(sql.ref('enforced_at'), 'is', null)
      .execute()
  },
}
