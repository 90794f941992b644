import type { Kysely, Selectable } from 'kysely'

import type { TimelineEvent } from '#domain/timeline.ts'
import type { Logger } from '#lib/log.ts'

import type { PageOf } from '../page.ts'
import {
  KEPT_EVENTS,
  type RecordedEvent,
  type TimelinePage,
  type TimelineStore,
} from '../timeline.ts'
import { limitsOf } from './page.ts'
import type { Schema, TimelineTable } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'
import { fromEventRow, toEventRow } from './timeline-event-row.ts'

export class SqlTimelineStore implements TimelineStore {
  readonly #database: SqlDatabase
  readonly #log: Logger

  constructor(database: SqlDatabase, { log }: { log: Logger }) {
    this.#database = database
    this.#log = log
  }

  async append(events: readonly TimelineEvent[]): Promise<void> {
    if (events.length === 0) return
    await this.#database.transact(async (db) => {
      for (const [hostnameId, own] of Map.groupBy(events, (event) => event.hostnameId)) {
        if (!(await hasHostname(db, hostnameId))) continue
        await addEvents(db, await withoutSecondHandshake(db, hostnameId, own))
      }
    })
  }

  /** An index on hostname and kind would cost more than to look through one hostname's few events. */
  list(hostnameId: string, page: TimelinePage): Promise<PageOf<RecordedEvent>> {
    const { limit, offset } = limitsOf(page)
    return this.#database.read(async (db) => {
      const all = db.selectFrom('timeline').where('hostname_id', '=', hostnameId)
      const matching = page.kind === undefined ? all : all.where('kind', '=', page.kind)
      const { total } = await matching
        .select((eb) => eb.fn.countAll<number>().as('total'))
        .executeTakeFirstOrThrow()
      const rows = await matching
        .selectAll()
        .orderBy('at', 'desc')
        .orderBy('position', 'desc')
        .limit(limit)
        .offset(offset)
        .execute()
      return { items: this.#readable(rows), total }
    })
  }

  /** One event that cannot be understood must not hide the others. */
  #readable(rows: readonly Selectable<TimelineTable>[]): RecordedEvent[] {
    return rows.flatMap((row) => {
      try {
        return [fromEventRow(row)]
      } catch (error) {
        const { hostname_id: hostnameId, position, kind } = row
        this.#log.error({ err: error, hostnameId, position, kind }, 'event skipped: unreadable')
        return []
      }
    })
  }
}

/** Adds events of one hostname that is there; the oldest beyond `KEPT_EVENTS` go. */
export async function addEvents(
  db: Kysely<Schema>,
  events: readonly TimelineEvent[],
): Promise<void> {
  const kept = events.slice(-KEPT_EVENTS)
  const [first] = kept
  if (!first) return
  const { hostnameId } = first
  const newest = await newestPosition(db, hostnameId)
  const rows = kept.map((event, at) => toEventRow(event, newest + 1 + at))
  await db.insertInto('timeline').values(rows).execute()
  const oldest = newest + kept.length - KEPT_EVENTS
  if (oldest < 1) return
  await db
    .deleteFrom('timeline')
    .where('hostname_id', '=', hostnameId)
    .where('position', '<=', oldest)
    .execute()
}

async function newestPosition(db: Kysely<Schema>, hostnameId: string): Promise<number> {
  const newest = await db
    .selectFrom('timeline')
    .select('position')
    .where('hostname_id', '=', hostnameId)
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst()
  return newest?.position ?? 0
}

async function hasHostname(db: Kysely<Schema>, id: string): Promise<boolean> {
  const found = await db
    .selectFrom('custom_hostnames')
    .select('id')
    .where('id', '=', id)
    .executeTakeFirst()
  return found !== undefined
}

/** Each edge, and each one anew after a restart, believes that it has seen the first one. */
async function withoutSecondHandshake(
  db: Kysely<Schema>,
  hostnameId: string,
  events: readonly TimelineEvent[],
): Promise<TimelineEvent[]> {
  const first = events.find(({ kind }) => kind === 'handshake.first')
  if (!first) return [...events]
  const known = await db
    .selectFrom('timeline')
    .select('position')
    .where('hostname_id', '=', hostnameId)
    .where('kind', '=', 'handshake.first')
    .limit(1)
    .executeTakeFirst()
  return events.filter((event) => event.kind !== 'handshake.first' || (!known && event === first))
}
