import { sql } from 'kysely'

import type { Migration } from '../migrate.ts'

/**
 * Who signed a certificate: asked about its renewal (RFC 9773), and told when it is revoked. And from
 * when on one that is not replaced is something to worry about, so that lists find it.
 */
export const certificateAuthority: Migration = {
  name: 'certificate-authority',

  async up(db) {
    await db.schema.alterTable('certificates').addColumn('ca', 'text').execute()
    await db.schema.alterTable('custom_hostnames').addColumn('ssl_expiring_at', 'bigint').execute()
    // As for lifetimes of 90 days or more; exact from the next write of the record on.
    await sql`UPDATE custom_hostnames SET ssl_expiring_at = ssl_expires_at - ${15 * 86_400_000}`.execute(
      db,
    )
    await replaceIndexes(db)
    // Those that end soon are few, and asked for at each scrape.
    await db.schema
      .createIndex('custom_hostnames_by_expiry')
      .on('custom_hostnames')
      .columns(['ssl_expires_at'])
      .where(sql.ref('ssl_expires_at'), 'is not', null)
      .execute()
  },
}

/** Lists filter by the new column too: the indexes that serve them must hold it. */
async function replaceIndexes(db: Parameters<Migration['up']>[0]): Promise<void> {
  for (const name of ['custom_hostnames_by_ssl_status', 'custom_hostnames_list']) {
    await db.schema.dropIndex(name).execute()
  }
  const ssl = ['ssl_status', 'ssl_overdue_at', 'ssl_expiring_at', 'ssl_expires_at'] as const
  await db.schema
    .createIndex('custom_hostnames_by_ssl_status')
    .on('custom_hostnames')
    .columns(['zone_id', 'ssl_status', 'created_at', 'id', ...ssl.slice(1)])
    .execute()
  await db.schema
    .createIndex('custom_hostnames_list')
    .on('custom_hostnames')
    .columns([
      'zone_id',
      'created_at',
      'id',
      'hostname',
      'hostname_status',
      ...ssl,
      'has_ssl',
      'wildcard',
      'certificate_authority',
      'custom_origin_server',
    ])
    .execute()
}
