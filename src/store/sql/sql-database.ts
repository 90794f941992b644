import type { ColumnDefinitionBuilder, Kysely } from 'kysely'

import type { Schema } from './schema.ts'

/**
 * What the stores need of a database. The stores speak Kysely; all that differs between SQLite and
 * PostgreSQL stands behind this face.
 */
export interface SqlDatabase {
  readonly dialect: SqlDialect
  /** The file or address, for messages; no password in it. */
  readonly location: string
  /**
   * Runs single statements that only read. They see everything committed before and nothing else.
   *
   * @throws {StoreError} `unavailable`, `corrupt`
   */
  read<Result>(work: (db: Kysely<Schema>) => Promise<Result>): Promise<Result>
  /**
   * Runs `work` alone: no other writer between its statements. Resolves when its effect is durable;
   * where `work` or the commit fails, nothing of it stays. `work` may run again: it must be pure
   * apart from its statements.
   *
   * @throws {StoreError} `duplicate` where a unique key is taken, `unavailable`, `corrupt`
   */
  transact<Result>(work: (db: Kysely<Schema>) => Promise<Result>): Promise<Result>
  /** Prepares the planner for the tables as they are after migrating. */
  tune(): Promise<void>
  /** Waits for running calls, then closes. Idempotent. */
  close(): Promise<void>
}

/** The differences between the dialects that show in statements. */
export interface SqlDialect {
  readonly name: string
  readonly blobType: 'blob' | 'bytea'
  /** Makes a column the primary key that grows with each row. */
  sequence(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder
}
