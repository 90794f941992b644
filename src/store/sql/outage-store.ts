import type { CaProgress, OutageStore } from '../outages.ts'
import type { SqlDatabase } from './sql-database.ts'

export class SqlOutageStore implements OutageStore {
  readonly #database: SqlDatabase

  constructor(database: SqlDatabase) {
    this.#database = database
  }

  async list(): Promise<CaProgress[]> {
    const rows = await this.#database.read((db) =>
      db.selectFrom('ca_progress').selectAll().orderBy('ca').execute(),
    )
    return rows.map(({ ca, reached, at, is_away }) => ({ ca, reached, at, isAway: is_away === 1 }))
  }

  async put({ ca, reached, at, isAway }: CaProgress): Promise<void> {
    const row = { reached: Math.floor(reached), at, is_away: isAway ? 1 : 0 }
    await this.#database.transact((db) =>
      db
        .insertInto('ca_progress')
        .values({ ca, ...row })
        .onConflict((conflict) => conflict.column('ca').doUpdateSet(row))
        .execute(),
    )
  }
}
