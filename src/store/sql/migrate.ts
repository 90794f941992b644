import type { Kysely } from 'kysely'

import { StoreError } from '../store.ts'
import type { Schema } from './schema.ts'
import type { SqlDatabase, SqlDialect } from './sql-database.ts'

/** A step from one version of the tables to the next. It runs whole or not at all. */
export interface Migration {
  name: string
  up(db: Kysely<Schema>, dialect: SqlDialect): Promise<void>
}

export interface MigrateOptions {
  migrations: readonly Migration[]
  now: number
}

/**
 * Brings the tables to the newest version that this program knows, all steps in one transaction.
 *
 * @returns the versions before and after
 * @throws {StoreError} `newer-schema` when the database is ahead of the program
 */
export function migrate(
  database: SqlDatabase,
  { migrations, now }: MigrateOptions,
): Promise<{ from: number; to: number }> {
  return database.transact(async (db) => {
    const from = await readVersion(db)
    const to = migrations.length
    if (from > to) {
      throw new StoreError(
        'newer-schema',
        `Cannot use the database ${database.location}: its schema has version ${from}, this program knows versions up to ${to}`,
      )
    }
    for (const [index, { name, up }] of migrations.entries()) {
      const version = index + 1
      if (version <= from) continue
      await up(db, database.dialect)
      await db.insertInto('schema_history').values({ version, name, applied_at: now }).execute()
    }
    return { from, to }
  })
}

async function readVersion(db: Kysely<Schema>): Promise<number> {
  await db.schema
    .createTable('schema_history')
    .ifNotExists()
    .addColumn('version', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('applied_at', 'bigint', (column) => column.notNull())
    .execute()
  const { max } = db.fn
  const row = await db
    .selectFrom('schema_history')
    .select(max('version').as('version'))
    .executeTakeFirst()
  return row?.version ?? 0
}
