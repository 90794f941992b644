import { sql } from 'kysely'

import type { Migration } from '../migrate.ts'

/** Records that are there get their value with their next write. */
export const writtenAfter: Migration = {
  name: 'written-after',

  async up(db) {
    await db.schema.alterTable('custom_hostnames').addColumn('written_after', 'bigint').execute()
    await db.schema
      .createIndex('custom_hostnames_written_after')
      .on('custom_hostnames')
      .columns(['written_after', 'id'])
      .where(sql.ref('written_after'), 'is not', null)
      .execute()
  },
}
