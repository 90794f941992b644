import { join } from 'node:path'

import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

import { storeContract } from './store-contract.ts'

storeContract('the SQLite store', async () => {
  const dir = tempDir()
  const clock = fakeClock(NOON)
  const sealer = createSealer([new Uint8Array(32).fill(7)])
  const openAgain = () => openSqlStore({ path: join(dir.path, 'custos.db'), sealer, clock })
  const store = await openAgain()
  return {
    store,
    clock,
    openAgain,
    async [Symbol.asyncDispose]() {
      await store.close()
      dir.remove()
    },
  }
})
