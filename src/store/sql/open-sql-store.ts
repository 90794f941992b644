import { systemClock, type Clock } from '#lib/clock.ts'
import { silentLogger, type Logger } from '#lib/log.ts'
import type { Sealer } from '#lib/sealing.ts'

import type { Store } from '../store.ts'
import { SqlBudgetStore } from './budget-store.ts'
import { SqlCertificateStore } from './certificate-store.ts'
import { SqlCsrStore } from './csr-store.ts'
import { createRecordReader } from './custom-hostname-row.ts'
import { SqlHoldStore } from './hold-store.ts'
import { SqlHostnameStore } from './hostname-store.ts'
import { migrate } from './migrate.ts'
import { migrations } from './migrations/migrations.ts'
import { SqlOutageStore } from './outage-store.ts'
import { SqlOutbox } from './outbox.ts'
import { checkSecretKey, SqlSecretStore } from './secret-store.ts'
import type { SqlDatabase } from './sql-database.ts'
import { openSqliteDatabase } from './sqlite/sqlite-database.ts'
import { SqlTimelineStore } from './timeline-store.ts'
import { SqlZoneStore } from './zone-store.ts'

export interface SqlStoreOptions {
  /** Seals the values of `secrets`. */
  sealer: Sealer
  /** @default the system's */
  clock?: Clock
  /** @default silent */
  log?: Logger
}

/**
 * Opens the store in a SQLite file and brings its tables up to date.
 *
 * @param options.path the file; made, with its folder, where it is missing
 * @throws {StoreError} `unavailable`, `corrupt`, `newer-schema`, `wrong-key`; each names the file
 */
export async function openSqlStore(options: SqlStoreOptions & { path: string }): Promise<Store> {
  return createSqlStore(openSqliteDatabase(options.path), options)
}

/** The store on a database of any dialect; closes the database when it fails, and with itself. */
export async function createSqlStore(
  database: SqlDatabase,
  options: SqlStoreOptions,
): Promise<Store> {
  const { sealer, clock = systemClock, log = silentLogger } = options
  try {
    const { from, to } = await migrate(database, { migrations, now: clock.now() })
    if (from < to) {
      log.info({ database: database.location, from, to }, 'database schema brought up to date')
    }
    await database.tune()
    const store = new SqlStore(database, { sealer, clock, log })
    await checkSecretKey(store.secrets, database.location)
    return store
  } catch (error) {
    await database.close()
    throw error
  }
}

class SqlStore implements Store {
  readonly zones: SqlZoneStore
  readonly hostnames: SqlHostnameStore
  readonly certificates: SqlCertificateStore
  readonly csrs: SqlCsrStore
  readonly outbox: SqlOutbox
  readonly timeline: SqlTimelineStore
  readonly budget: SqlBudgetStore
  readonly outages: SqlOutageStore
  readonly secrets: SqlSecretStore
  readonly holds: SqlHoldStore
  readonly #database: SqlDatabase

  constructor(
    database: SqlDatabase,
    { sealer, clock, log }: { sealer: Sealer; clock: Clock; log: Logger },
  ) {
    this.#database = database
    this.zones = new SqlZoneStore(database)
    const readRecord = createRecordReader()
    this.hostnames = new SqlHostnameStore(database, { readRecord, clock, log })
    this.certificates = new SqlCertificateStore(database)
    this.outbox = new SqlOutbox(database, { readRecord, clock })
    this.budget = new SqlBudgetStore(database)
    this.outages = new SqlOutageStore(database)
    this.timeline = new SqlTimelineStore(database, { log })
    this.csrs = new SqlCsrStore(database)
    this.secrets = new SqlSecretStore(database, sealer)
    this.holds = new SqlHoldStore(database)
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
