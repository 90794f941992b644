import type { Migration } from '../migrate.ts'

export const newestChange: Migration = {
  name: 'newest-change',

  async up(db) {
    await db.schema
      .createTable('newest_change')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('change_id', 'text', (column) => column.notNull())
      .execute()
  },
}
