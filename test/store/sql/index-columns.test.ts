import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import { createSealer } from '#lib/sealing.ts'
import { toRow } from '#store/sql/custom-hostname-row.ts'
import { createSqlStore } from '#store/sql/open-sql-store.ts'
import type { SqlDatabase } from '#store/sql/sql-database.ts'
import { openSqliteDatabase } from '#store/sql/sqlite/sqlite-database.ts'
import type { Store } from '#store/store.ts'
import { aHostname, anActiveHostname, aZone, NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

/** Every stage of a deployment, with and without a removal, in each state of ownership. */
function records(): CustomHostname[] {
  const { ownership: pending } = aHostname()
  const ownerships: CustomHostname['ownership'][] = [
    pending,
    { state: 'verified', at: NOON, by: 'http', serial: 2 },
    { state: 'deleted', since: NOON, errors: [] },
  ]
  const deployments: CustomHostname['deployment'][] = [
    { serial: 3, published: undefined, appliedSerial: 0 },
    { serial: 3, published: { serial: 2, changeId: 'a' }, appliedSerial: 1 },
    { serial: 3, published: { serial: 2, changeId: 'b' }, appliedSerial: 2 },
    { serial: 3, published: { serial: 3, changeId: 'c' }, appliedSerial: 2 },
    { serial: 3, published: { serial: 3, changeId: 'd' }, appliedSerial: 3 },
  ]
  const removals = [undefined, { requestedAt: NOON, serial: 3 }]
  return ownerships.flatMap((ownership) =>
    deployments.flatMap((deployment) =>
      removals.map((removal) => anActiveHostname({ ownership, deployment, removal })),
    ),
  )
}

async function expectDerived(store: Store, database: SqlDatabase): Promise<void> {
  const rows = await database.read((db) =>
    db.selectFrom('custom_hostnames').selectAll().orderBy('id').execute(),
  )
  const expected: typeof rows = []
  for await (const batch of store.hostnames.all()) {
    expected.push(...batch.map((record) => ({ ...toRow(record), lease_until: 0 })))
  }
  expect(rows.map(withParsedDocument)).toEqual(expected.map(withParsedDocument))
}

/** The order of keys in a document says nothing. */
function withParsedDocument(row: { document: string }): object {
  return { ...row, document: JSON.parse(row.document) }
}

describe('index columns', () => {
  it('say what the record says, also after changes that were made in SQL', async () => {
    using dir = tempDir()
    const database = openSqliteDatabase(join(dir.path, 'custos.db'))
    const sealer = createSealer([new Uint8Array(32)])
    await using store = await createSqlStore(database, { sealer })
    await store.zones.create(aZone())
    const created = records()
    await Promise.all(created.map((record) => store.hostnames.create(record)))
    await expectDerived(store, database)

    await store.zones.update(aZone().id, (zone) => zone, { republish: true })
    await expectDerived(store, database)
    const after = await store.hostnames.find(created[0]?.id ?? '')
    expect(after?.deployment.serial).toBe(4)

    for (const row of await store.outbox.list(10)) await store.outbox.complete(row, 'e')
    await expectDerived(store, database)
  })
})
