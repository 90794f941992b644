import { setImmediate } from 'node:timers/promises'

import { sql, type Kysely } from 'kysely'

import type { Zone } from '#domain/zone.ts'

import type { Page, PageOf } from '../page.ts'
import { StoreError, type ZoneStore } from '../store.ts'
import { UNPUBLISHED } from './custom-hostname-row.ts'
import { limitsOf } from './page.ts'
import type { Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'
import { fromZoneRow, toZoneRow } from './zone-row.ts'

const COLUMNS = ['id', 'name', 'created_at', 'document', 'document_version'] as const
/** Hostnames between two breaths of the event loop, in one transaction all the same. */
const BATCH = 1_000

export class SqlZoneStore implements ZoneStore {
  readonly #database: SqlDatabase

  constructor(database: SqlDatabase) {
    this.#database = database
  }

  async list(page: Page & { name?: string }): Promise<PageOf<Zone>> {
    const { limit, offset } = limitsOf(page)
    const { name, order = 'created', direction = 'asc' } = page
    return this.#database.read(async (db) => {
      const zones = db
        .selectFrom('zones')
        .$if(name !== undefined, (query) => query.where('name', '=', name ?? ''))
      const rows = await zones
        .select(COLUMNS)
        .orderBy(order === 'hostname' ? 'name' : 'created_at', direction)
        .orderBy('id', direction)
        .limit(limit)
        .offset(offset)
        .execute()
      const { total } = await zones
        .select((eb) => eb.fn.countAll<number>().as('total'))
        .executeTakeFirstOrThrow()
      return { items: rows.map(fromZoneRow), total }
    })
  }

  find(id: string): Promise<Zone | undefined> {
    return this.#database.read((db) => findZone(db, { column: 'id', value: id }))
  }

  findByName(name: string): Promise<Zone | undefined> {
    return this.#database.read((db) => findZone(db, { column: 'name', value: name }))
  }

  async create(zone: Zone): Promise<void> {
    await withDuplicateNamed(zone, () =>
      this.#database.transact((db) => db.insertInto('zones').values(toZoneRow(zone)).execute()),
    )
  }

  update(
    id: string,
    change: (zone: Zone) => Zone,
    options: { republish?: boolean } = {},
  ): Promise<Zone | undefined> {
    return this.#database.transact(async (db) => {
      const before = await findZone(db, { column: 'id', value: id })
      if (!before) return undefined
      const zone = change(before)
      if (zone.id !== id) throw new TypeError(`Cannot change the id of zone ${id}`)
      await withDuplicateNamed(zone, () =>
        db.updateTable('zones').set(toZoneRow(zone)).where('id', '=', id).execute(),
      )
      if (options.republish) await republish(db, id)
      return zone
    })
  }

  remove(id: string): Promise<boolean> {
    return this.#database.transact(async (db) => {
      const zone = await db
        .selectFrom('zones')
        .select('hostname_count')
        .where('id', '=', id)
        .executeTakeFirst()
      if (!zone) return false
      if (zone.hostname_count > 0) {
        const message = `Cannot remove the zone ${id}: it has ${zone.hostname_count} custom hostnames`
        throw new StoreError('not-empty', message)
      }
      await db.deleteFrom('zones').where('id', '=', id).execute()
      return true
    })
  }
}

async function findZone(
  db: Kysely<Schema>,
  { column, value }: { column: 'id' | 'name'; value: string },
): Promise<Zone | undefined> {
  const row = await db
    .selectFrom('zones')
    .select(COLUMNS)
    .where(column, '=', value)
    .executeTakeFirst()
  return row && fromZoneRow(row)
}

async function withDuplicateNamed(
  { id, name }: Zone,
  write: () => Promise<unknown>,
): Promise<void> {
  try {
    await write()
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause.kind !== 'duplicate') throw cause
    const message = `Cannot write the zone ${id}: the name ${JSON.stringify(name)} or the id is taken`
    throw new StoreError('duplicate', message, { cause })
  }
}

/**
 * Gives every hostname of the zone its next serial, in SQL because there may be a million. What the
 * columns then are is what `deriveIndexColumns` would say of the new serial.
 */
async function republish(db: Kysely<Schema>, zoneId: string): Promise<void> {
  let after = { created_at: -1, id: '' }
  for (;;) {
    const batch = await hostnamesAfter(db, { zoneId, after })
    const last = batch.at(-1)
    if (!last) return
    await raiseSerials(
      db,
      batch.map(({ id }) => id),
    )
    after = last
    await setImmediate()
  }
}

function hostnamesAfter(
  db: Kysely<Schema>,
  { zoneId, after }: { zoneId: string; after: { created_at: number; id: string } },
): Promise<{ id: string; created_at: number }[]> {
  return db
    .selectFrom('custom_hostnames')
    .select(['id', 'created_at'])
    .where('zone_id', '=', zoneId)
    .where(({ eb, refTuple, tuple }) =>
      eb(refTuple('created_at', 'id'), '>', tuple(after.created_at, after.id)),
    )
    .orderBy('created_at')
    .orderBy('id')
    .limit(BATCH)
    .execute()
}

async function raiseSerials(db: Kysely<Schema>, ids: readonly string[]): Promise<void> {
  await db
    .updateTable('custom_hostnames')
    .set({
      serial: sql`serial + 1`,
      hostname_status: sql`CASE hostname_status WHEN 'active' THEN 'active_redeploying' ELSE hostname_status END`,
      deployment_order: sql`CASE WHEN deployment_order > '0' THEN deployment_order ELSE ${UNPUBLISHED} END`,
    })
    .where('id', 'in', ids)
    .execute()
  await db
    .insertInto('outbox')
    .columns(['hostname_id', 'serial'])
    .expression((eb) =>
      eb.selectFrom('custom_hostnames').select(['id', 'serial']).where('id', 'in', ids),
    )
    .onConflict((conflict) =>
      conflict.column('hostname_id').doUpdateSet((eb) => ({ serial: eb.ref('excluded.serial') })),
    )
    .execute()
}
