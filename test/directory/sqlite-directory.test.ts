import { rmSync } from 'node:fs'
import { join } from 'node:path'

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
    [Symbol.asyncDispose]: async () => dir.remove(),
  }
})
