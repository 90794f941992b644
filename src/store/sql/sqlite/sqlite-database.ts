import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { Kysely } from 'kysely'

import { StoreError } from '../../store.ts'
import type { Schema } from '../schema.ts'
import type { SqlDatabase, SqlDialect } from '../sql-database.ts'
import { writePlannerStatistics } from './planner-statistics.ts'
import { createSqliteDialect } from './sqlite-dialect.ts'
import { toStoreError } from './sqlite-error.ts'
import { TransactionQueue } from './transaction-queue.ts'

/** "Cust" in the file's header, so that nobody else's database is mistaken for ours. */
const APPLICATION_ID = 0x43757374
/** How long SQLite waits, blocking, for another process that opens or recovers the file. */
const BUSY_TIMEOUT_MS = 5_000

/**
 * `synchronous=FULL` flushes the log at each commit: what was acknowledged survives a power cut.
 * `secure_delete` overwrites what is deleted: a removed key is gone. The log is cut back after a
 * large transaction. Locks of other processes are waited for by the `TransactionQueue`.
 */
const WRITER_PRAGMAS = `
  PRAGMA synchronous = FULL;
  PRAGMA secure_delete = ON;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA cache_size = -32768;
  PRAGMA temp_store = MEMORY;
  PRAGMA busy_timeout = 0;
`
const READER_PRAGMAS = `
  PRAGMA cache_size = -32768;
  PRAGMA temp_store = MEMORY;
`

const DIALECT: SqlDialect = {
  name: 'sqlite',
  blobType: 'blob',
  sequence: (column) => column.primaryKey().autoIncrement(),
}

/**
 * Opens the file, making it (mode 0600) and its folder where they are missing: one connection that
 * writes, one that reads beside it (WAL).
 *
 * @throws {StoreError} `unavailable`, `corrupt`
 */
export function openSqliteDatabase(path: string): SqlDatabase {
  const opened: DatabaseSync[] = []
  try {
    createFile(path)
    const writer = openConnection(path, { readOnly: false })
    opened.push(writer)
    prepareFile(writer, path)
    const reader = openConnection(path, { readOnly: true })
    opened.push(reader)
    reader.exec(READER_PRAGMAS)
    return new SqliteDatabase(path, { writer, reader })
  } catch (error) {
    for (const connection of opened) connection.close()
    throw toStoreError(error, path)
  }
}

function createFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    closeSync(openSync(path, 'a', 0o600))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StoreError('unavailable', `Cannot open the database ${path}: ${reason}`, { cause })
  }
}

function openConnection(path: string, { readOnly }: { readOnly: boolean }): DatabaseSync {
  return new DatabaseSync(path, {
    readOnly,
    timeout: BUSY_TIMEOUT_MS,
    enableForeignKeyConstraints: true,
  })
}

function prepareFile(db: DatabaseSync, path: string): void {
  const isNew = checkApplication(db, path)
  const mode = db.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  if (mode !== 'wal') {
    const message = `Cannot use the database ${path}: its file system does not support WAL`
    throw new StoreError('unavailable', message)
  }
  if (isNew) db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
  db.exec(WRITER_PRAGMAS)
}

/** @returns whether the file is still empty */
function checkApplication(db: DatabaseSync, path: string): boolean {
  const id = db.prepare('PRAGMA application_id').get()?.['application_id']
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count']
  if (id === APPLICATION_ID) return false
  if (id === 0 && tables === 0) return true
  throw new StoreError('corrupt', `Cannot use the database ${path}: it is not of this program`)
}

class SqliteDatabase implements SqlDatabase {
  readonly dialect = DIALECT
  readonly location: string
  readonly #connections: { writer: DatabaseSync; reader: DatabaseSync }
  readonly #writer: Kysely<Schema>
  readonly #reader: Kysely<Schema>
  readonly #transactions: TransactionQueue
  readonly #running = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(path: string, connections: { writer: DatabaseSync; reader: DatabaseSync }) {
    this.location = path
    this.#connections = connections
    this.#writer = new Kysely({ dialect: createSqliteDialect(connections.writer, path) })
    this.#reader = new Kysely({ dialect: createSqliteDialect(connections.reader, path) })
    this.#transactions = new TransactionQueue(connections.writer, path)
  }

  read<Result>(work: (db: Kysely<Schema>) => Promise<Result>): Promise<Result> {
    return this.#track(() => work(this.#reader))
  }

  transact<Result>(work: (db: Kysely<Schema>) => Promise<Result>): Promise<Result> {
    return this.#track(() => this.#transactions.run(() => work(this.#writer)))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async tune(): Promise<void> {
    const { writer } = this.#connections
    await this.transact(async () => writePlannerStatistics(writer))
  }

  async #track<Result>(start: () => Promise<Result>): Promise<Result> {
    if (this.#closing) {
      throw new StoreError('unavailable', `Cannot use the database ${this.location}: it is closed`)
    }
    const running = start()
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#running)
    const { writer, reader } = this.#connections
    reader.close()
    try {
      writer.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      // All is in the log already; the next start finds it there.
      if (!(toStoreError(error, this.location) instanceof StoreError)) throw error
    } finally {
      writer.close()
    }
  }
}
