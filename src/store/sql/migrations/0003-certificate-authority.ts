import type { Migration } from '../migrate.ts'

/** Who signed a certificate: asked about its renewal (RFC 9773), and told when it is revoked. */
export const certificateAuthority: Migration = {
  name: 'certificate-authority',

  async up(db) {
    await db.schema.alterTable('certificates').addColumn('ca', 'text').execute()
  },
}
