import type { Kysely, SelectQueryBuilder } from 'kysely'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { NewHold } from '#domain/hold.ts'
import type { Hostname } from '#domain/hostname.ts'
import { timelineOf } from '#domain/timeline-of.ts'
import { SYSTEM } from '#domain/timeline.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'

import type { Page, PageOf } from '../page.ts'
import type {
  CreateOptions,
  HostnameChange,
  HostnameFilter,
  HostnameStore,
  WriteOptions,
} from '../store.ts'
import { coveredRows } from './covered-rows.ts'
import {
  RECORD_COLUMNS,
  reverseLabels,
  type ReadRecord,
  type RecordRow,
} from './custom-hostname-row.ts'
import { claimDueRows, claimRow, readNextDueAt } from './hostname-leases.ts'
import { countAllHostnames, countHostnames, listHostnameRows } from './hostname-list.ts'
import { selectWhole } from './hostname-rows.ts'
import { deleteRecord, insertRecord, writeUpdate } from './hostname-writes.ts'
import { countMisdatedRows, misdatedRows } from './misdated-rows.ts'
import { checkCount } from './page.ts'
import type { Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'
import { addEvents } from './timeline-store.ts'

const DEFAULT_BATCH = 500
const MAX_BATCH = 10_000

export interface HostnameStoreOptions {
  readRecord: ReadRecord
  clock: Clock
  log: Logger
}

export class SqlHostnameStore implements HostnameStore {
  readonly #database: SqlDatabase
  readonly #readRecord: ReadRecord
  readonly #clock: Clock
  readonly #log: Logger

  constructor(database: SqlDatabase, { readRecord, clock, log }: HostnameStoreOptions) {
    this.#database = database
    this.#readRecord = readRecord
    this.#clock = clock
    this.#log = log
  }

  find(id: string): Promise<CustomHostname | undefined> {
    return this.#database.read((db) => this.#find(db, id))
  }

  async listByName(hostname: Hostname): Promise<CustomHostname[]> {
    const rows = await this.#database.read((db) =>
      selectRecords(db)
        .where('hostname', '=', hostname)
        .orderBy('created_at')
        .orderBy('id')
        .execute(),
    )
    return rows.map(this.#readRecord)
  }

  async list(zoneId: string, filter: HostnameFilter, page: Page): Promise<PageOf<CustomHostname>> {
    const now = this.#clock.now()
    const query = { zoneId, filter, page, now }
    const { rows, total } = await this.#database.read((db) => listHostnameRows(db, query))
    return { items: this.#readable(rows), total }
  }

  async *all(options: { batchSize?: number } = {}): AsyncGenerator<CustomHostname[]> {
    const { batchSize = DEFAULT_BATCH } = options
    checkCount('batchSize', batchSize, MAX_BATCH)
    let after = ''
    for (;;) {
      const rows = await this.#readAfter(after, batchSize)
      const last = rows.at(-1)
      if (!last) return
      yield this.#readable(rows)
      after = last.id
    }
  }

  async *allCoveredBy(
    hold: Pick<NewHold, 'domain' | 'includeSubdomains'>,
  ): AsyncGenerator<CustomHostname[]> {
    for await (const rows of coveredRows(this.#database, hold)) {
      if (rows.length > 0) yield this.#readable(rows)
    }
  }

  count(zoneId: string): Promise<number> {
    return this.#database.read((db) => countHostnames(db, zoneId))
  }

  countAll(): Promise<number> {
    return this.#database.read(countAllHostnames)
  }

  async hasNameBelow(zoneId: string, hostname: Hostname): Promise<boolean> {
    const name = reverseLabels(hostname)
    const row = await this.#database.read((db) =>
      selectNameBelow(db, { zoneId, name }).executeTakeFirst(),
    )
    return row !== undefined
  }

  create(
    record: CustomHostname,
    { by = SYSTEM, certificates = [] }: CreateOptions = {},
  ): Promise<void> {
    return this.#database.transact(async (db) => {
      await insertRecord(db, record, { certificates })
      await addEvents(db, timelineOf(undefined, record, { now: this.#clock.now(), by }))
    })
  }

  update(
    id: string,
    change: HostnameChange,
    { by = SYSTEM }: WriteOptions = {},
  ): Promise<CustomHostname | undefined> {
    return this.#database.transact(async (db) => {
      const row = await selectWhole(db, id)
      const before = row && this.#readRecord(row)
      const update = before && change(before)
      if (!row || !update) return before
      await writeUpdate(db, { row, before, update })
      await addEvents(db, timelineOf(before, update.record, { now: this.#clock.now(), by }))
      return update.record
    })
  }

  remove(id: string): Promise<boolean> {
    return this.#database.transact((db) => deleteRecord(db, id))
  }

  countExpiringBy(instant: number): Promise<number> {
    return this.#database.read(async (db) => {
      const { count } = await db
        .selectFrom('custom_hostnames')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('ssl_expires_at', '<=', instant)
        .executeTakeFirstOrThrow()
      return count
    })
  }

  async claimDue(
    now: number,
    options: { leaseMs: number; limit: number; again: boolean },
  ): Promise<CustomHostname[]> {
    checkCount('limit', options.limit, MAX_BATCH)
    const rows = await this.#database.transact((db) => claimDueRows(db, { now, ...options }))
    return this.#readable(rows)
  }

  async claim(id: string, now: number, leaseMs: number): Promise<CustomHostname | undefined> {
    const row = await this.#database.transact((db) => claimRow(db, { id, now, leaseMs }))
    return row && this.#readRecord(row)
  }

  async extendLease(id: string, until: number): Promise<void> {
    await this.#database.transact((db) =>
      db.updateTable('custom_hostnames').set({ lease_until: until }).where('id', '=', id).execute(),
    )
  }

  release(id: string): Promise<void> {
    return this.extendLease(id, 0)
  }

  nextDueAt(again: boolean): Promise<number | undefined> {
    return this.#database.read((db) => readNextDueAt(db, again))
  }

  async *allMisdated(now: number): AsyncGenerator<CustomHostname[]> {
    for await (const rows of misdatedRows(this.#database, now)) yield this.#readable(rows)
  }

  countMisdated(now: number): Promise<number> {
    return this.#database.read((db) => countMisdatedRows(db, now))
  }

  async listUndeployed(limit: number): Promise<CustomHostname[]> {
    checkCount('limit', limit, MAX_BATCH)
    const rows = await this.#database.read((db) =>
      selectRecords(db)
        .where('deployment_order', 'is not', null)
        .orderBy('deployment_order')
        .orderBy('id')
        .limit(limit)
        .execute(),
    )
    return this.#readable(rows)
  }

  async #find(db: Kysely<Schema>, id: string): Promise<CustomHostname | undefined> {
    const row = await selectRecords(db).where('id', '=', id).executeTakeFirst()
    return row && this.#readRecord(row)
  }

  #readAfter(after: string, limit: number): Promise<RecordRow[]> {
    return this.#database.read((db) =>
      selectRecords(db).where('id', '>', after).orderBy('id').limit(limit).execute(),
    )
  }

  /** One record that cannot be understood must not hold up the others. */
  #readable(rows: readonly RecordRow[]): CustomHostname[] {
    return rows.flatMap((row) => {
      try {
        return [this.#readRecord(row)]
      } catch (error) {
        this.#log.error({ err: error, hostnameId: row.id }, 'custom hostname skipped: unreadable')
        return []
      }
    })
  }
}

function selectRecords(db: Kysely<Schema>) {
  return db.selectFrom('custom_hostnames').select(RECORD_COLUMNS)
}

/** A slash is what follows a dot, and no name has one. */
export function selectNameBelow(
  db: Kysely<Schema>,
  { zoneId, name }: { zoneId: string; name: string },
): SelectQueryBuilder<Schema, 'custom_hostnames', { id: string }> {
  return db
    .selectFrom('custom_hostnames')
    .select('id')
    .where('zone_id', '=', zoneId)
    .where('reversed_name', '>=', `${name}.`)
    .where('reversed_name', '<', `${name}/`)
    .limit(1)
}
