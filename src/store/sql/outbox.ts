import { setImmediate } from 'node:timers/promises'

import type { Kysely } from 'kysely'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import { timelineOf } from '#domain/timeline-of.ts'
import { SYSTEM } from '#domain/timeline.ts'
import type { Clock } from '#lib/clock.ts'

import type { Outbox, OutboxRow } from '../store.ts'
import type { ReadRecord } from './custom-hostname-row.ts'
import { selectWhole, writeChanges } from './hostname-rows.ts'
import { checkCount } from './page.ts'
import type { Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'
import { addEvents } from './timeline-store.ts'

const MAX_LISTED = 100_000
/** Rows between two breaths of the event loop, in one transaction all the same. */
const BATCH = 5_000

export class SqlOutbox implements Outbox {
  readonly #database: SqlDatabase
  readonly #readRecord: ReadRecord
  readonly #clock: Clock

  constructor(
    database: SqlDatabase,
    { readRecord, clock }: { readRecord: ReadRecord; clock: Clock },
  ) {
    this.#database = database
    this.#readRecord = readRecord
    this.#clock = clock
  }

  async list(limit: number): Promise<OutboxRow[]> {
    checkCount('limit', limit, MAX_LISTED)
    const rows = await this.#database.read((db) =>
      db
        .selectFrom('outbox')
        .select(['hostname_id', 'serial'])
        .orderBy('position')
        .limit(limit)
        .execute(),
    )
    return rows.map(({ hostname_id: hostnameId, serial }) => ({ hostnameId, serial }))
  }

  complete({ hostnameId, serial }: OutboxRow, changeId: string): Promise<void> {
    return this.#database.transact(async (db) => {
      await db
        .deleteFrom('outbox')
        .where('hostname_id', '=', hostnameId)
        .where('serial', '<=', serial)
        .execute()
      const row = await selectWhole(db, hostnameId)
      await noteChange(db, changeId)
      if (!row) return
      const before = this.#readRecord(row)
      const record = withPublished(before, { serial, changeId })
      await writeChanges(db, row, record)
      await addEvents(db, timelineOf(before, record, { now: this.#clock.now(), by: SYSTEM }))
    })
  }

  newestChange(): Promise<string | undefined> {
    return this.#database.read(async (db) => {
      const row = await db.selectFrom('newest_change').select('change_id').executeTakeFirst()
      return row?.change_id
    })
  }

  async noteChange(changeId: string): Promise<void> {
    await this.#database.transact((db) => noteChange(db, changeId))
  }

  enqueueAll(): Promise<number> {
    return this.#database.transact(async (db) => {
      let after = ''
      let count = 0
      for (;;) {
        const ids = await idsAfter(db, after)
        const last = ids.at(-1)
        if (last === undefined) return count
        await enqueueRange(db, { after, last })
        after = last
        count += ids.length
        await setImmediate()
      }
    })
  }
}

/** Writes the row that says so, or moves the open one to this serial; it keeps its place. */
export async function enqueue(db: Kysely<Schema>, row: OutboxRow): Promise<void> {
  const { hostnameId, serial } = row
  await db
    .insertInto('outbox')
    .values({ hostname_id: hostnameId, serial })
    .onConflict((conflict) => conflict.column('hostname_id').doUpdateSet({ serial }))
    .execute()
}

async function noteChange(db: Kysely<Schema>, changeId: string): Promise<void> {
  await db
    .insertInto('newest_change')
    .values({ id: 1, change_id: changeId })
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet({ change_id: changeId })
        .where(({ eb, or, fn, ref }) => {
          const known = ref('newest_change.change_id')
          return or([
            eb(known, '<', changeId),
            eb(fn<number>('length', [known]), '!=', changeId.length),
          ])
        }),
    )
    .execute()
}

/**
 * A later place in the change log counts also for the same serial: it was published again. So does
 * one of another length: places of another directory do not compare.
 */
function withPublished(
  record: CustomHostname,
  next: { serial: number; changeId: string },
): CustomHostname {
  const { deployment } = record
  const { published } = deployment
  const isNewer =
    !published ||
    next.serial > published.serial ||
    (next.serial === published.serial && isLater(next.changeId, published.changeId))
  return isNewer ? { ...record, deployment: { ...deployment, published: next } } : record
}

function isLater(one: string, other: string): boolean {
  return one.length === other.length ? one > other : true
}

async function idsAfter(db: Kysely<Schema>, after: string): Promise<string[]> {
  const rows = await db
    .selectFrom('custom_hostnames')
    .select('id')
    .where('id', '>', after)
    .orderBy('id')
    .limit(BATCH)
    .execute()
  return rows.map(({ id }) => id)
}

async function enqueueRange(
  db: Kysely<Schema>,
  { after, last }: { after: string; last: string },
): Promise<void> {
  await db
    .insertInto('outbox')
    .columns(['hostname_id', 'serial'])
    .expression((eb) =>
      eb
        .selectFrom('custom_hostnames')
        .select(['id', 'serial'])
        .where('id', '>', after)
        .where('id', '<=', last)
        .orderBy('id'),
    )
    .onConflict((conflict) =>
      conflict.column('hostname_id').doUpdateSet((eb) => ({ serial: eb.ref('excluded.serial') })),
    )
    .execute()
}
