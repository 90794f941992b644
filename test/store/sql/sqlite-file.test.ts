import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { describe, expect, it } from 'vitest'

import { parseHostname } from '#domain/hostname.ts'
import { createLogger } from '#lib/log.ts'
import { createSealer } from '#lib/sealing.ts'
import { migrate } from '#store/sql/migrate.ts'
import { namesBelow } from '#store/sql/migrations/0006-names-below.ts'
import { migrations } from '#store/sql/migrations/migrations.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import { openSqliteDatabase } from '#store/sql/sqlite/sqlite-database.ts'
import type { Store } from '#store/store.ts'
import { aCertificate, aHostname, aZone, NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

const sealer = createSealer([new Uint8Array(32).fill(1)])

function open(path: string): Promise<Store> {
  return openSqlStore({ path, sealer })
}

/** Root may write anywhere: steps down while `work` runs. */
async function unprivileged(work: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return work()
  process.seteuid?.(65_534)
  try {
    await work()
  } finally {
    process.seteuid?.(0)
  }
}

describe('the SQLite file', () => {
  it('is made with its folder, readable by its owner only', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'data', 'custos.db')
    await using store = await open(path)
    await store.zones.create(aZone())
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
  })

  it('is alone again after it was closed', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    const store = await open(path)
    await store.zones.create(aZone())
    await store.close()
    expect(statSync(path).size).toBeGreaterThan(0)
    expect(() => statSync(`${path}-wal`)).toThrow('ENOENT')
  })

  it('that is newer than the program is refused, and stays as it is', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    await (await open(path)).close()
    const db = new DatabaseSync(path)
    db.exec(`INSERT INTO schema_history VALUES (${migrations.length + 1}, 'future', 0)`)
    db.close()
    const before = readFileSync(path)
    const opening = open(path)
    await expect(opening).rejects.toMatchObject({ name: 'StoreError', kind: 'newer-schema' })
    const versions = `version ${migrations.length + 1}, this program knows versions up to ${migrations.length}`
    await expect(opening).rejects.toThrow(`${path}: its schema has ${versions}`)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('that is no database is refused by name', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    writeFileSync(path, 'not a database, but long enough to have a header'.repeat(100))
    const opening = open(path)
    await expect(opening).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(opening).rejects.toThrow(path)
  })

  it('of another program is refused and not touched', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    const db = new DatabaseSync(path)
    db.exec('CREATE TABLE theirs (a)')
    db.close()
    const before = readFileSync(path)
    await expect(open(path)).rejects.toMatchObject({ kind: 'corrupt' })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('in a folder that is a file is refused by name', async () => {
    using dir = tempDir()
    const file = join(dir.path, 'data')
    writeFileSync(file, '')
    const path = join(file, 'custos.db')
    const opening = open(path)
    await expect(opening).rejects.toMatchObject({ kind: 'unavailable' })
    await expect(opening).rejects.toThrow(path)
  })

  it('that cannot be written is refused at the start and not at the first write', async () => {
    using dir = tempDir()
    const folder = join(dir.path, 'data')
    const path = join(folder, 'custos.db')
    await (await open(path)).close()
    chmodSync(dir.path, 0o755)
    chmodSync(path, 0o444)
    chmodSync(folder, 0o555)
    await unprivileged(async () => {
      const opening = open(path)
      await expect(opening).rejects.toMatchObject({ kind: 'unavailable' })
      await expect(opening).rejects.toThrow(path)
    })
    chmodSync(folder, 0o755)
  })

  it('whose folder cannot be written is refused by name', async () => {
    using dir = tempDir()
    chmodSync(dir.path, 0o755)
    const folder = join(dir.path, 'data')
    mkdirSync(folder, { mode: 0o555 })
    await unprivileged(async () => {
      const path = join(folder, 'custos.db')
      const opening = open(path)
      await expect(opening).rejects.toMatchObject({ kind: 'unavailable' })
      await expect(opening).rejects.toThrow(path)
    })
  })

  it('is refused when its secrets were sealed with another key', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    await (await open(path)).close()
    const other = new Uint8Array(32).fill(2)
    const opening = openSqlStore({ path, sealer: createSealer([other]) })
    await expect(opening).rejects.toMatchObject({ kind: 'wrong-key' })
    await expect(opening).rejects.toThrow(path)
    const rotated = createSealer([other, new Uint8Array(32).fill(1)])
    await using store = await openSqlStore({ path, sealer: rotated })
    expect(await store.secrets.find('account')).toBeUndefined()
  })

  it('holds no secret in the clear, and no key of a removed hostname', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    const store = await open(path)
    await store.secrets.putIfAbsent('account', Buffer.from('the-account-key'))
    await store.zones.create(aZone())
    const record = aHostname()
    await store.hostnames.create(record)
    const sealedKey = Buffer.from('the-sealed-key-of-the-hostname')
    const certificate = { ...aCertificate(record, 'rsa'), sealedKey }
    await store.hostnames.update(record.id, (read) => ({
      record: read,
      addCertificates: [certificate],
    }))
    await store.hostnames.remove(record.id)
    await store.close()
    const bytes = readFileSync(path)
    expect(bytes.includes('the-account-key')).toBe(false)
    expect(bytes.includes(sealedKey)).toBe(false)
  })

  it('is migrated once, and remembers when', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    await (await open(path)).close()
    await (await open(path)).close()
    const db = new DatabaseSync(path)
    const rows = db.prepare('SELECT version, name FROM schema_history ORDER BY version').all()
    db.close()
    expect(rows.map((row) => ({ ...row }))).toEqual(
      migrations.map(({ name }, index) => ({ version: index + 1, name })),
    )
  })

  it('finds names below a name after migrating from before there was an index for it', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    const older = migrations.slice(0, migrations.indexOf(namesBelow))
    const database = openSqliteDatabase(path)
    await migrate(database, { migrations: older, now: NOON })
    await database.close()
    const db = new DatabaseSync(path)
    db.exec(`INSERT INTO zones (id, name, created_at, document, document_version)
      VALUES ('${aZone().id}', 'saas.com', 0, '{}', 1)`)
    db.exec(`INSERT INTO custom_hostnames (id, zone_id, hostname, created_at, serial, applied_serial,
        hostname_status, has_ssl, wildcard, name_claim, document, document_version)
      VALUES ('a', '${aZone().id}', 'app.tenant.com', 0, 0, 0, 'pending', 0, 0, '', '{}', 1)`)
    db.close()
    await using after = await open(path)
    expect(await after.hostnames.hasNameBelow(aZone().id, parseHostname('tenant.com'))).toBe(true)
  })
})

describe('a record that cannot be understood', () => {
  async function withDamaged(run: (store: Store, lines: string[]) => Promise<void>): Promise<void> {
    using dir = tempDir()
    const path = join(dir.path, 'custos.db')
    const store = await open(path)
    await store.zones.create(aZone())
    for (const id of ['a', 'b', 'c']) await store.hostnames.create(aHostname({ id }))
    await store.close()
    const db = new DatabaseSync(path)
    db.exec(`UPDATE custom_hostnames SET document = '{"ownership":1}' WHERE id = 'b'`)
    db.close()
    const lines: string[] = []
    const log = createLogger({ write: (line) => lines.push(line) })
    await using damaged = await openSqlStore({ path, sealer, log })
    await run(damaged, lines)
  }

  it('is an error for who asks for it', () =>
    withDamaged(async ({ hostnames }) => {
      const find = hostnames.find('b')
      await expect(find).rejects.toMatchObject({ kind: 'corrupt' })
      await expect(find).rejects.toThrow('custom hostname b')
      const update = hostnames.update('b', (record) => ({ record }))
      await expect(update).rejects.toMatchObject({ kind: 'corrupt' })
    }))

  it('does not hold up the others, and is logged', () =>
    withDamaged(async ({ hostnames }, lines) => {
      const claimed = await hostnames.claimDue(NOON, { leaseMs: 1_000, limit: 10, again: false })
      expect(claimed.map(({ id }) => id).sort()).toEqual(['a', 'c'])
      const { items } = await hostnames.list(aZone().id, {}, { page: 1, perPage: 10 })
      expect(items.map(({ id }) => id).sort()).toEqual(['a', 'c'])
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([
        { level: 'error', hostnameId: 'b' },
        { level: 'error', hostnameId: 'b' },
      ])
    }))
})
