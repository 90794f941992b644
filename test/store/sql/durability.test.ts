import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'

import { withNextSerial } from '#domain/custom-hostname.ts'
import { createSealer } from '#lib/sealing.ts'
import { createSqlStore, openSqlStore } from '#store/sql/open-sql-store.ts'
import type { SqlDatabase } from '#store/sql/sql-database.ts'
import { openSqliteDatabase } from '#store/sql/sqlite/sqlite-database.ts'
import type { Store } from '#store/store.ts'
import { aCertificate, aHostname, aZone } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

const WRITER = join(import.meta.dirname, 'write-until-killed.ts')

const sealer = createSealer([new Uint8Array(32)])

/** @returns the ids that were acknowledged before the process died */
async function writeAndKill(path: string, round: number): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, path, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ids: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    ids.push(line)
    // In the midst of whatever the five writers are at.
    if (ids.length === 50 + round * 7) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  return ids
}

describe('what the store has acknowledged', () => {
  it('is there after kill -9, whole and announced', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    const acknowledged: string[] = []
    for (const round of [1, 2, 3]) acknowledged.push(...(await writeAndKill(path, round)))
    await using store = await openSqlStore({ path, sealer })
    const announced = new Set((await store.outbox.list(10_000)).map((row) => row.hostnameId))
    for (const id of acknowledged) {
      const sni = (await store.hostnames.find(id))?.customOriginSni
      expect([id, sni, announced.has(id)]).toEqual([id, 'x.com', true])
    }
    // Nothing is half there: as many records as outbox rows, and as the zone counts.
    const { total } = await store.hostnames.list(aZone().id, {}, { page: 1, perPage: 1 })
    const { total: read } = await store.hostnames.list(
      aZone().id,
      { hostnameStartsWith: 'r' },
      { page: 1, perPage: 1 },
    )
    expect([total, read]).toEqual([announced.size, announced.size])
    expect(acknowledged.length).toBeGreaterThan(150)
  })

  it('is all that is there after the disk was full, and writing goes on once it is not', async () => {
    using dir = tempDir()
    const database = openSqliteDatabase(join(dir.path, 'custos.db'))
    await using store = await createSqlStore(database, { sealer })
    await store.zones.create(aZone())
    await limitPages(database, 60)

    const records = Array.from({ length: 200 }, () => aHostname())
    const results = await Promise.allSettled(
      records.map((record) => store.hostnames.create(record)),
    )
    const failure = results.find((result) => result.status === 'rejected')?.reason
    expect(failure).toMatchObject({ name: 'StoreError', kind: 'unavailable' })
    expect(String(failure)).toContain('full')

    const written = records.filter((_, index) => results[index]?.status === 'fulfilled')
    expect(await idsOf(store)).toEqual(written.map(({ id }) => id))
    expect(await store.outbox.list(1_000)).toHaveLength(written.length)
    expect(await store.hostnames.count(aZone().id)).toBe(written.length)

    await limitPages(database, 1_000_000)
    await store.hostnames.create(aHostname())
    expect(await store.hostnames.count(aZone().id)).toBe(written.length + 1)
  })

  it('is untouched by a change of which a part found no room', async () => {
    using dir = tempDir()
    const database = openSqliteDatabase(join(dir.path, 'custos.db'))
    await using store = await createSqlStore(database, { sealer })
    await store.zones.create(aZone())
    const record = aHostname()
    await store.hostnames.create(record)
    const [row] = await store.outbox.list(1)
    await limitPages(database, 1)

    const certificate = { ...aCertificate(record, 'rsa'), sealedKey: new Uint8Array(1_000_000) }
    const update = store.hostnames.update(record.id, (read) => ({
      record: withNextSerial(read),
      addCertificates: [certificate],
    }))
    await expect(update).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await store.hostnames.find(record.id)).toEqual(record)
    expect(await store.certificates.listByHostname(record.id)).toEqual([])
    expect(await store.outbox.list(10)).toEqual([row])
  })
})

/** The database refuses to grow beyond so many pages of 4 KiB, as on a full disk. */
async function limitPages(database: SqlDatabase, pages: number): Promise<void> {
  await database.transact((db) => sql.raw(`PRAGMA max_page_count = ${pages}`).execute(db))
}

async function idsOf(store: Store): Promise<string[]> {
  const { items } = await store.hostnames.list(aZone().id, {}, { page: 1, perPage: 1_000 })
  return items.map(({ id }) => id)
}
