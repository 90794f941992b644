import { sql } from 'kysely'

import type { Migration } from '../migrate.ts'
import { subjectHashOf } from '../intermediate-subject.ts'

/** Callers' own certificates: requests made for them, and intermediates found by their subject. */
export const customCsrs: Migration = {
  name: 'custom-csrs',

  async up(db, dialect) {
    await db.schema
      .createTable('custom_csrs')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('zone_id', 'text', (column) => column.references('zones.id').onDelete('cascade'))
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('csr', sql.raw(dialect.blobType), (column) => column.notNull())
      .addColumn('sealed_key', sql.raw(dialect.blobType), (column) => column.notNull())
      .addColumn('document', 'text', (column) => column.notNull())
      .addColumn('document_version', 'integer', (column) => column.notNull())
      .execute()
    await db.schema
      .createIndex('custom_csrs_list')
      .on('custom_csrs')
      .columns(['zone_id', 'created_at', 'id'])
      .execute()

    await db.schema.alterTable('certificates').addColumn('csr_id', 'text').execute()
    await db.schema
      .createIndex('certificates_by_csr')
      .on('certificates')
      .column('csr_id')
      .where(sql.ref('csr_id'), 'is not', null)
      .execute()

    await db.schema.alterTable('intermediates').addColumn('subject_hash', 'text').execute()
    await db.schema
      .createIndex('intermediates_by_subject')
      .on('intermediates')
      .columns(['subject_hash', 'fingerprint'])
      .execute()
    const known = await db.selectFrom('intermediates').select(['fingerprint', 'der']).execute()
    for (const { fingerprint, der } of known) {
      await db
        .updateTable('intermediates')
        .set({ subject_hash: subjectHashOf(der) })
        .where('fingerprint', '=', fingerprint)
        .execute()
    }
  },
}
