import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely'
import { LRUCache } from 'lru-cache'

import { toStoreError } from './sqlite-error.ts'

/** More than the program has; lists of ids of every length make the difference. */
const MAX_PREPARED = 500

/**
 * Kysely over one `node:sqlite` connection. Statements run synchronously, so each is atomic by
 * itself; transactions are not Kysely's here but those of the `TransactionQueue`.
 */
export function createSqliteDialect(db: DatabaseSync, path: string): Dialect {
  const connection = new SqliteConnection(db, path)
  return {
    createAdapter: () => new SharedConnectionAdapter(),
    createDriver: () => createDriver(connection),
    createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

/** Without Kysely's lock around each statement: they cannot overlap. */
class SharedConnectionAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

function createDriver(connection: DatabaseConnection): Driver {
  const refuse = (): Promise<void> =>
    Promise.reject(new Error('Cannot begin a transaction here: use SqlDatabase.transact'))
  const nothing = (): Promise<void> => Promise.resolve()
  return {
    init: nothing,
    acquireConnection: () => Promise.resolve(connection),
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: nothing,
    destroy: nothing,
  }
}

interface Prepared {
  statement: StatementSync
  returnsRows: boolean
}

class SqliteConnection implements DatabaseConnection {
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #prepared = new LRUCache<string, Prepared>({ max: MAX_PREPARED })

  constructor(db: DatabaseSync, path: string) {
    this.#db = db
    this.#path = path
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    try {
      const { statement, returnsRows } = this.#prepare(query.sql)
      const parameters = query.parameters.map(toInput)
      // The row type is the query builder's, from `Schema`.
      if (returnsRows) return { rows: statement.all(...parameters) as Row[] }
      return { rows: [], numAffectedRows: BigInt(statement.run(...parameters).changes) }
    } catch (error) {
      throw toStoreError(error, this.#path)
    }
  }

  // oxlint-disable-next-line require-yield -- Kysely's face; nothing here streams
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('Cannot stream: read in pages, so that no snapshot stays open')
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    const prepared = { statement, returnsRows: statement.columns().length > 0 }
    this.#prepared.set(sql, prepared)
    return prepared
  }
}

function toInput(value: unknown): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'bigint' || value instanceof Uint8Array) return value
  throw new TypeError(`Cannot bind a value of type ${typeof value}: SQLite has no such type`)
}
