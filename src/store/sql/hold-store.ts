import type { Kysely, Selectable } from 'kysely'

import { listHoldableDomains, type Hold, type NewHold } from '#domain/hold.ts'
import { HostnameError, parseHostname, type Hostname } from '#domain/hostname.ts'
import { SYSTEM } from '#domain/timeline.ts'

import type { Page, PageOf } from '../page.ts'
import { StoreError, type HoldStore, type WriteOptions } from '../store.ts'
import { limitsOf } from './page.ts'
import type { HoldTable, Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'

type HoldRow = Selectable<HoldTable>

export class SqlHoldStore implements HoldStore {
  readonly #database: SqlDatabase

  constructor(database: SqlDatabase) {
    this.#database = database
  }

  put(hold: NewHold, now: number, { by = SYSTEM }: WriteOptions = {}): Promise<Hold> {
    return this.#database.transact(async (db) => {
      const before = await selectRow(db, hold.domain).executeTakeFirst()
      const row: HoldRow = {
        domain: hold.domain,
        reason: hold.reason ?? null,
        include_subdomains: hold.includeSubdomains ? 1 : 0,
        created_at: before?.removed_at === null ? before.created_at : now,
        updated_at: before ? Math.max(now, before.updated_at + 1) : now,
        enforced_at: null,
        actor: by,
        removed_at: null,
      }
      await db
        .insertInto('holds')
        .values(row)
        .onConflict((conflict) => conflict.column('domain').doUpdateSet(row))
        .execute()
      return fromRow(row)
    })
  }

  remove(domain: Hostname, now: number, { by = SYSTEM }: WriteOptions = {}): Promise<boolean> {
    return this.#database.transact(async (db) => {
      const before = await findRow(db, domain)
      if (!before) return false
      const updated_at = Math.max(now, before.updated_at + 1)
      await db
        .updateTable('holds')
        .set({ removed_at: now, updated_at, enforced_at: null, actor: by })
        .where('domain', '=', domain)
        .execute()
      return true
    })
  }

  async find(domain: Hostname): Promise<Hold | undefined> {
    const row = await this.#database.read((db) => findRow(db, domain))
    return row && fromRow(row)
  }

  async findCovering(hostname: Hostname): Promise<Hold | undefined> {
    const row = await this.#database.read((db) => selectCovering(db, hostname).executeTakeFirst())
    return row && fromRow(row)
  }

  async list(page: Page): Promise<PageOf<Hold>> {
    const { limit, offset } = limitsOf(page)
    return this.#database.read(async (db) => {
      const rows = await db
        .selectFrom('holds')
        .selectAll()
        .where('removed_at', 'is', null)
        .orderBy('domain', page.direction ?? 'asc')
        .limit(limit)
        .offset(offset)
        .execute()
      const { total } = await db
        .selectFrom('holds')
        .select((eb) => eb.fn.countAll<number>().as('total'))
        .where('removed_at', 'is', null)
        .executeTakeFirstOrThrow()
      return { items: rows.map(fromRow), total }
    })
  }

  async findUnenforced(): Promise<Hold | undefined> {
    const row = await this.#database.read((db) =>
      db
        .selectFrom('holds')
        .selectAll()
        .where('enforced_at', 'is', null)
        .orderBy('updated_at')
        .orderBy('domain')
        .limit(1)
        .executeTakeFirst(),
    )
    return row && fromRow(row)
  }

  async noteEnforced({ domain, updatedAt }: Hold, now: number): Promise<void> {
    await this.#database.transact(async (db) => {
      await db
        .updateTable('holds')
        .set({ enforced_at: now })
        .where('domain', '=', domain)
        .where('updated_at', '=', updatedAt)
        .execute()
      await db
        .deleteFrom('holds')
        .where('domain', '=', domain)
        .where('enforced_at', 'is not', null)
        .where('removed_at', 'is not', null)
        .execute()
    })
  }
}

/** The nearest hold first: of the name's ancestors the longest. */
export function selectCovering(db: Kysely<Schema>, hostname: Hostname) {
  return db
    .selectFrom('holds')
    .selectAll()
    .where('domain', 'in', listHoldableDomains(hostname))
    .where('removed_at', 'is', null)
    .where((eb) => eb.or([eb('include_subdomains', '=', 1), eb('domain', '=', hostname)]))
    .orderBy((eb) => eb.fn<number>('length', ['domain']), 'desc')
    .limit(1)
}

function findRow(db: Kysely<Schema>, domain: Hostname): Promise<HoldRow | undefined> {
  return selectRow(db, domain).where('removed_at', 'is', null).executeTakeFirst()
}

/** One that was removed, too. */
function selectRow(db: Kysely<Schema>, domain: Hostname) {
  return db.selectFrom('holds').selectAll().where('domain', '=', domain)
}

/** @throws {StoreError} `corrupt` */
function fromRow(row: HoldRow): Hold {
  try {
    return {
      domain: parseHostname(row.domain, { allowReservedTlds: true }),
      reason: row.reason ?? undefined,
      includeSubdomains: row.include_subdomains === 1,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      enforcedAt: row.enforced_at ?? undefined,
      by: row.actor,
      removedAt: row.removed_at ?? undefined,
    }
  } catch (cause) {
    if (!(cause instanceof HostnameError)) throw cause
    throw new StoreError('corrupt', `Cannot read the hold of ${row.domain}: ${cause.message}`, {
      cause,
    })
  }
}
