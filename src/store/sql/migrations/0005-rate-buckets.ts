import type { Migration } from '../migrate.ts'

export const rateBuckets: Migration = {
  name: 'rate-buckets',

  async up(db) {
    await db.schema
      .createTable('rate_buckets')
      .addColumn('ca', 'text', (column) => column.notNull())
      .addColumn('limit_name', 'text', (column) => column.notNull())
      .addColumn('bucket_key', 'text', (column) => column.notNull())
      .addColumn('full_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('rate_buckets_key', ['ca', 'limit_name', 'bucket_key'])
      .execute()
    // Those that are full again are found by it, the longest full first.
    await db.schema
      .createIndex('rate_buckets_full')
      .on('rate_buckets')
      .columns(['full_at'])
      .execute()
  },
}
