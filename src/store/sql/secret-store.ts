import type { Kysely } from 'kysely'

import { SealingError, type Sealer } from '#lib/sealing.ts'

import { StoreError, type SecretStore } from '../store.ts'
import type { Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'

export class SqlSecretStore implements SecretStore {
  readonly #database: SqlDatabase
  readonly #sealer: Sealer

  constructor(database: SqlDatabase, sealer: Sealer) {
    this.#database = database
    this.#sealer = sealer
  }

  async find(name: string): Promise<Uint8Array | undefined> {
    const sealed = await this.#database.read((db) => findSealed(db, name))
    return sealed && this.#open(sealed, name)
  }

  async putIfAbsent(name: string, value: Uint8Array): Promise<Uint8Array> {
    const sealed = this.#sealer.seal(value, name)
    const stored = await this.#database.transact(async (db) => {
      await db
        .insertInto('secrets')
        .values({ name, sealed })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute()
      return findSealed(db, name)
    })
    return stored ? this.#open(stored, name) : value
  }

  #open(sealed: Uint8Array, name: string): Uint8Array {
    try {
      return this.#sealer.open(sealed, name)
    } catch (cause) {
      if (!(cause instanceof SealingError)) throw cause
      const message = `Cannot open the secret ${JSON.stringify(name)}: ${cause.message}`
      throw new StoreError('wrong-key', message, { cause })
    }
  }
}

const KEY_CHECK = 'key-check'

/**
 * Leaves a sealed word in the database at the first start and opens it at each later one: a lost or
 * mistaken secret key is found before anything new is sealed with it.
 *
 * @throws {StoreError} `wrong-key`
 */
export async function checkSecretKey(secrets: SecretStore, location: string): Promise<void> {
  try {
    await secrets.putIfAbsent(KEY_CHECK, Buffer.from(KEY_CHECK))
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause.kind !== 'wrong-key') throw cause
    const message = `Cannot use the database ${location}: its secrets were sealed with another secret key`
    throw new StoreError('wrong-key', message, { cause })
  }
}

async function findSealed(db: Kysely<Schema>, name: string): Promise<Uint8Array | undefined> {
  const row = await db
    .selectFrom('secrets')
    .select('sealed')
    .where('name', '=', name)
    .executeTakeFirst()
  return row?.sealed
}
