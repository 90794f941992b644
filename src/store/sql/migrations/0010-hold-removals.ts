import type { Migration } from '../migrate.ts'

/** Who put a hold; and that it was removed, until all who must know do. */
export const holdRemovals: Migration = {
  name: 'hold-removals',

  async up(db) {
    await db.schema
      .alterTable('holds')
      .addColumn('actor', 'text', (column) => column.notNull().defaultTo('system'))
      .execute()
    await db.schema.alterTable('holds').addColumn('removed_at', 'bigint').execute()
    // Holds that are there are carried to the edges.
    await db.updateTable('holds').set({ enforced_at: null }).execute()
  },
}
