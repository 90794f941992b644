import { sql } from 'kysely'

import type { Migration } from '../migrate.ts'

export const firstTables: Migration = {
  name: 'first-tables',

  async up(db, dialect) {
    await db.schema
      .createTable('zones')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull().unique())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('hostname_count', 'bigint', (column) => column.notNull().defaultTo(0))
      .addColumn('document', 'text', (column) => column.notNull())
      .addColumn('document_version', 'integer', (column) => column.notNull())
      .execute()

    await db.schema
      .createTable('custom_hostnames')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('zone_id', 'text', (column) => column.notNull().references('zones.id'))
      .addColumn('hostname', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('serial', 'bigint', (column) => column.notNull())
      .addColumn('published_serial', 'bigint')
      .addColumn('published_change_id', 'text')
      .addColumn('applied_serial', 'bigint', (column) => column.notNull())
      .addColumn('lease_until', 'bigint', (column) => column.notNull().defaultTo(0))
      .addColumn('due_at', 'bigint')
      .addColumn('hostname_status', 'text', (column) => column.notNull())
      .addColumn('ssl_status', 'text')
      .addColumn('ssl_overdue_at', 'bigint')
      .addColumn('ssl_expires_at', 'bigint')
      .addColumn('has_ssl', 'integer', (column) => column.notNull())
      .addColumn('wildcard', 'integer', (column) => column.notNull())
      .addColumn('certificate_authority', 'text')
      .addColumn('custom_origin_server', 'text')
      .addColumn('name_claim', 'text', (column) => column.notNull())
      .addColumn('deployment_order', 'text')
      .addColumn('document', 'text', (column) => column.notNull())
      .addColumn('document_version', 'integer', (column) => column.notNull())
      .execute()
    await createHostnameIndexes(db)

    await db.schema
      .createTable('certificates')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('hostname_id', 'text', (column) =>
        column.notNull().references('custom_hostnames.id').onDelete('cascade'),
      )
      .addColumn('key_algorithm', 'text', (column) => column.notNull())
      .addColumn('leaf', sql.raw(dialect.blobType), (column) => column.notNull())
      .addColumn('intermediates', 'text', (column) => column.notNull())
      .addColumn('sealed_key', sql.raw(dialect.blobType), (column) => column.notNull())
      .addColumn('issuer', 'text', (column) => column.notNull())
      .addColumn('serial_number', 'text', (column) => column.notNull())
      .addColumn('signature', 'text', (column) => column.notNull())
      .addColumn('fingerprint_sha256', 'text', (column) => column.notNull())
      .addColumn('hosts', 'text', (column) => column.notNull())
      .addColumn('not_before', 'bigint', (column) => column.notNull())
      .addColumn('not_after', 'bigint', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .execute()
    await db.schema
      .createIndex('certificates_by_hostname')
      .on('certificates')
      .columns(['hostname_id', 'created_at', 'id'])
      .execute()

    await db.schema
      .createTable('intermediates')
      .addColumn('fingerprint', 'text', (column) => column.primaryKey())
      .addColumn('der', sql.raw(dialect.blobType), (column) => column.notNull())
      .execute()

    await db.schema
      .createTable('outbox')
      .addColumn('position', 'integer', (column) => dialect.sequence(column))
      .addColumn('hostname_id', 'text', (column) =>
        column.notNull().unique().references('custom_hostnames.id').onDelete('cascade'),
      )
      .addColumn('serial', 'bigint', (column) => column.notNull())
      .execute()

    await db.schema
      .createTable('secrets')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('sealed', sql.raw(dialect.blobType), (column) => column.notNull())
      .execute()
  },
}

async function createHostnameIndexes(db: Parameters<Migration['up']>[0]): Promise<void> {
  // A `deleted` record stays readable, but its name is free again.
  await db.schema
    .createIndex('custom_hostnames_name')
    .unique()
    .on('custom_hostnames')
    .columns(['zone_id', 'hostname', 'name_claim'])
    .execute()
  await db.schema
    .createIndex('custom_hostnames_by_name')
    .on('custom_hostnames')
    .columns(['hostname', 'created_at'])
    .execute()
  // Claims walk it in order of `due_at` and step over the few that are leased.
  await db.schema
    .createIndex('custom_hostnames_due')
    .on('custom_hostnames')
    .columns(['due_at', 'lease_until'])
    .where(sql.ref('due_at'), 'is not', null)
    .execute()
  await db.schema
    .createIndex('custom_hostnames_undeployed')
    .on('custom_hostnames')
    .columns(['deployment_order', 'id'])
    .where(sql.ref('deployment_order'), 'is not', null)
    .execute()
  // Few are in any state but the last: those are found without reading the others.
  await db.schema
    .createIndex('custom_hostnames_by_status')
    .on('custom_hostnames')
    .columns(['zone_id', 'hostname_status', 'created_at', 'id'])
    .execute()
  await db.schema
    .createIndex('custom_hostnames_by_ssl_status')
    .on('custom_hostnames')
    .columns(['zone_id', 'ssl_status', 'created_at', 'id', 'ssl_overdue_at', 'ssl_expires_at'])
    .execute()
  // Holds every column that a list filters by: counting and paging never touch the documents.
  await db.schema
    .createIndex('custom_hostnames_list')
    .on('custom_hostnames')
    .columns([
      'zone_id',
      'created_at',
      'id',
      'hostname',
      'hostname_status',
      'ssl_status',
      'ssl_overdue_at',
      'ssl_expires_at',
      'has_ssl',
      'wildcard',
      'certificate_authority',
      'custom_origin_server',
    ])
    .execute()
}
