import { closeSync, linkSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'

import { DirectoryError } from './directory.ts'

/**
 * The directory as one SQLite file (WAL) that one publisher writes and many workers read, each its own
 * process. It may be deleted and made anew at any time: every use first looks whether the file at the
 * path is still the one that is open. (While it is open its inode is not given to another file.)
 */

/**
 * Another schema is another number; a file with another number is thrown away by the publisher, and
 * filled again name by name. What only adds to it is added in place (`addMissing`).
 */
const SCHEMA_VERSION = 1

const SCHEMA = `
  CREATE TABLE state (key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID;
  CREATE TABLE binding (
    name TEXT NOT NULL UNIQUE, hostname_id TEXT NOT NULL, serial INTEGER NOT NULL,
    wildcard INTEGER NOT NULL, bytes BLOB NOT NULL
  );
  CREATE TABLE intermediate (id TEXT PRIMARY KEY, der BLOB NOT NULL);
  CREATE TABLE answer (
    name TEXT NOT NULL, path TEXT NOT NULL, body TEXT NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (name, path)
  ) WITHOUT ROWID;
  CREATE INDEX answer_by_expiry ON answer (expires_at);
  CREATE TABLE change (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL);
  CREATE TABLE heartbeat (
    edge_id TEXT PRIMARY KEY, applied TEXT NOT NULL, at INTEGER NOT NULL, version TEXT NOT NULL,
    sightings BLOB
  ) WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`

/** Statements by name, as SQL. */
export type Sql = Readonly<Record<string, string>>
export type Prepared<Texts extends Sql> = { readonly [Name in keyof Texts]: StatementSync }

export interface SqliteConnectionOptions<Texts extends Sql> {
  path: string
  access: 'read' | 'write'
  /** Makes the file where there is none, and anew where it is not one of ours. @default false */
  create?: boolean
  /** How long a call may hold the event loop while another process writes, in milliseconds. */
  busyMs: number
  /**
   * Pages in the -wal file at which a commit of this connection moves them into the main file, which
   * takes an fsync. @default 1000
   */
  checkpointPages?: number
  /** Prepared at each opening. */
  sql: Texts
}

interface Open<Texts extends Sql> {
  database: DatabaseSync
  statements: Prepared<Texts>
  inode: bigint
}

/** A connection that follows the file at its path. All methods are synchronous. */
export class SqliteConnection<Texts extends Sql> {
  readonly #options: SqliteConnectionOptions<Texts>
  #open: Open<Texts> | undefined
  #isClosed = false
  #generation = 0

  constructor(options: SqliteConnectionOptions<Texts>) {
    this.#options = options
  }

  /** Grows whenever the file was opened anew. */
  get generation(): number {
    return this.#generation
  }

  /** @throws {DirectoryError} `unavailable`, whatever SQLite said */
  use<Result>(action: (statements: Prepared<Texts>) => Result): Result {
    return this.#guarded(() => action(this.#current().statements))
  }

  /** All of `action` in one transaction. */
  transaction<Result>(action: (statements: Prepared<Texts>) => Result): Result {
    return this.#guarded(() => {
      const { database, statements } = this.#current()
      database.exec(this.#options.access === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN')
      try {
        const result = action(statements)
        database.exec('COMMIT')
        return result
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    })
  }

  close(): void {
    this.#isClosed = true
    this.#drop()
  }

  #guarded<Result>(action: () => Result): Result {
    try {
      return action()
    } catch (error) {
      if (error instanceof DirectoryError) throw error
      if (isDamage(error)) this.#discard()
      throw unavailable(this.#options.path, error)
    }
  }

  #current(): Open<Texts> {
    const { path, create = false } = this.#options
    if (this.#isClosed) throw new DirectoryError('unavailable', 'The directory is closed')
    const inode = inodeOf(path)
    if (this.#open && this.#open.inode === inode) return this.#open
    this.#drop()
    if (create && (inode === undefined || !isOurs(path))) createDirectoryFile(path)
    this.#open = this.#connect()
    this.#generation++
    return this.#open
  }

  #connect(): Open<Texts> {
    const { path, access, create, busyMs, checkpointPages = 1000, sql } = this.#options
    const inode = inodeOf(path)
    if (inode === undefined) throw unavailable(path, new Error('there is no such file yet'))
    const database = openExisting(path, { access, busyMs })
    try {
      database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`)
      if (versionOf(database) !== SCHEMA_VERSION) throw new Error('it is of another version')
      if (create) addMissing(database)
      return { database, statements: prepareAll(database, sql), inode }
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** The file is damaged. Whoever made it can make it anew; a reader can only open it anew. */
  #discard(): void {
    this.#drop()
    if (this.#options.create) removeDirectoryFile(this.#options.path)
  }

  #drop(): void {
    this.#open?.database.close()
    this.#open = undefined
  }
}

/** SQLITE_BUSY: another process is writing just now. */
export function isBusy(error: unknown): boolean {
  return error instanceof DirectoryError && primaryCode(error.cause) === 5
}

function prepareAll<Texts extends Sql>(database: DatabaseSync, sql: Texts): Prepared<Texts> {
  const entries = Object.entries(sql).map(([name, text]) => [name, database.prepare(text)])
  return Object.fromEntries(entries) as Prepared<Texts>
}

function openExisting(
  path: string,
  { access, busyMs }: { access: 'read' | 'write'; busyMs: number },
): DatabaseSync {
  // By mode, because the default would make an empty file between our look and the opening.
  const url = new URL(`${pathToFileURL(path).href}?mode=${access === 'read' ? 'ro' : 'rw'}`)
  const database = new DatabaseSync(url, { readOnly: access === 'read', timeout: busyMs })
  try {
    database.exec('PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Made under another name and then linked, so that a file at the path is always complete. Leftovers
 * of a deleted file go first: SQLite would replay an old -wal into the new file.
 */
function createDirectoryFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.new`
  removeDirectoryFile(draft)
  closeSync(openSync(draft, 'wx', 0o600))
  const database = new DatabaseSync(draft)
  try {
    database.exec(`PRAGMA journal_mode = WAL; BEGIN; ${SCHEMA} COMMIT`)
  } finally {
    database.close()
  }
  removeDirectoryFile(path)
  linkSync(draft, path)
  removeDirectoryFile(draft)
}

/** To a file that an older program made, which goes on using it as it knows it. */
function addMissing(database: DatabaseSync): void {
  const columns = database.prepare(`SELECT name FROM pragma_table_info('heartbeat')`).all()
  if (columns.some(({ name }) => name === 'sightings')) return
  database.exec('ALTER TABLE heartbeat ADD COLUMN sightings BLOB')
}

function removeDirectoryFile(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
}

/** Whether the file is one that this program can write into. */
function isOurs(path: string): boolean {
  try {
    using database = openExisting(path, { access: 'write', busyMs: 1_000 })
    return versionOf(database) === SCHEMA_VERSION
  } catch (error) {
    if (isDamage(error)) return false
    throw error
  }
}

function versionOf(database: DatabaseSync): unknown {
  return database.prepare('PRAGMA user_version').get()?.['user_version']
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

/** SQLITE_CORRUPT, SQLITE_NOTADB. */
function isDamage(error: unknown): boolean {
  return [11, 26].includes(primaryCode(error) ?? 0)
}

function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error && 'errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}

function unavailable(path: string, cause: unknown): DirectoryError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new DirectoryError('unavailable', `Cannot use the directory at ${path}: ${reason}`, {
    cause,
  })
}
