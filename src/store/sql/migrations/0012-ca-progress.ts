import type { Migration } from '../migrate.ts'

export const caProgress: Migration = {
  name: 'ca-progress',

  async up(db) {
    await db.schema
      .createTable('ca_progress')
      .addColumn('ca', 'text', (column) => column.primaryKey().notNull())
      .addColumn('reached', 'bigint', (column) => column.notNull())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .addColumn('is_away', 'integer', (column) => column.notNull())
      .execute()
  },
}
