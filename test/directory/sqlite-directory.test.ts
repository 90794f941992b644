import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { openSqliteDirectoryPublisher } from '#directory/sqlite-directory-publisher.ts'
import { openSqliteEdgeDirectory } from '#directory/sqlite-edge-directory.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { systemRandom as random } from '#lib/random.ts'
import { tempDir } from '#test/temp-dir.ts'

import { directoryContract } from './directory-contract.ts'

directoryContract('SQLite', async () => {
  const dir = tempDir()
  const path = join(dir.path, 'directory.db')
  return {
    openEdge: () => openSqliteEdgeDirectory({ path, clock, random, pollMs: 2 }),
    openPublisher: (options) => openSqliteDirectoryPublisher({ path, clock, ...options }),
    lose: async () => rmSync(path),
    copy: async () => {
      using database = new DatabaseSync(path)
      database.prepare('VACUUM INTO ?').run(`${path}.copy`)
      using copied = new DatabaseSync(`${path}.copy`)
      copied.exec('PRAGMA journal_mode = WAL')
      return async () => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
        renameSync(`${path}.copy`, path)
      }
    },
    [Symbol.asyncDispose]: async () => dir.remove(),
  }
})
