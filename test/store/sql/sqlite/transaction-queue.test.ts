import { DatabaseSync } from 'node:sqlite'

import { describe, expect, it } from 'vitest'

import { TransactionQueue } from '#store/sql/sqlite/transaction-queue.ts'

class CountingDatabase extends DatabaseSync {
  commits = 0

  override exec(sql: string): void {
    if (sql === 'COMMIT') this.commits++
    super.exec(sql)
  }
}

describe('the queue of transactions', () => {
  it('lets writers of one turn of the event loop share a commit, which is a flush', async () => {
    using database = new CountingDatabase(':memory:')
    database.exec('CREATE TABLE written (n INTEGER)')
    const queue = new TransactionQueue(database, ':memory:')
    const insert = database.prepare('INSERT INTO written VALUES (?)')
    const writers = Array.from(
      { length: 20 },
      (_, n) =>
        new Promise<void>((resolve, reject) => {
          // As answers from the network come in: each in a callback of its own.
          setImmediate(() => {
            queue.run(async () => void insert.run(n)).then(resolve, reject)
          })
        }),
    )
    await Promise.all(writers)
    expect(database.prepare('SELECT count(*) AS count FROM written').get()).toEqual({ count: 20 })
    expect(database.commits).toBe(1)
  })
})
