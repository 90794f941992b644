import type { Migration } from '../migrate.ts'

export const timeline: Migration = {
  name: 'timeline',

  async up(db) {
    await db.schema
      .createTable('timeline')
      .addColumn('hostname_id', 'text', (column) =>
        column.notNull().references('custom_hostnames.id').onDelete('cascade'),
      )
      .addColumn('position', 'bigint', (column) => column.notNull())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .addColumn('actor', 'text', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('details', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('timeline_key', ['hostname_id', 'position'])
      .execute()
  },
}
