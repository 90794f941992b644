import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'

import { sql } from 'kysely'
import { expect, it } from 'vitest'

import { createSealer } from '#lib/sealing.ts'
import { migrate } from '#store/sql/migrate.ts'
import { customCsrs } from '#store/sql/migrations/0008-custom-csrs.ts'
import { migrations } from '#store/sql/migrations/migrations.ts'
import { createSqlStore } from '#store/sql/open-sql-store.ts'
import { openSqliteDatabase } from '#store/sql/sqlite/sqlite-database.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'
import { NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

it('intermediates that were stored before are found by their subject too', async () => {
  using dir = tempDir()
  const database = openSqliteDatabase(join(dir.path, 'custos.db'))
  const older = migrations.slice(0, migrations.indexOf(customCsrs))
  await migrate(database, { migrations: older, now: NOON })
  const { chain } = (await makeDevCertificates(['app.customer.com'])).ecdsa
  const [issuer = new Uint8Array()] = chain.intermediates
  await database.transact(async (db) => {
    await sql`INSERT INTO intermediates (fingerprint, der)
      VALUES ('a', ${issuer}), ('b', ${Uint8Array.of(1)})`.execute(db)
  })
  await using store = await createSqlStore(database, { sealer: createSealer([Buffer.alloc(32)]) })
  const found = await store.certificates.findIntermediates(new X509Certificate(issuer).subject)
  expect(found.map((der) => Buffer.from(der).equals(issuer))).toEqual([true])
})
