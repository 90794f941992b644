/**
 * Run as a program: writes hostnames as fast as it can, several at a time, and prints the id of each
 * when, and only when, the store has acknowledged it. Ends by being killed.
 */
import { writeSync } from 'node:fs'

import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import { aHostname, aZone } from '#test/records.ts'

const [path = '', round = ''] = process.argv.slice(2)
const store = await openSqlStore({ path, sealer: createSealer([new Uint8Array(32)]) })
if (!(await store.zones.find(aZone().id))) await store.zones.create(aZone())

async function writeForEver(): Promise<never> {
  for (;;) {
    const { id, hostname, ...record } = aHostname()
    const mine = {
      ...record,
      id: `${round}-${id}`,
      hostname: `r${round}-${hostname}` as typeof hostname,
    }
    await store.hostnames.create(mine)
    await store.hostnames.update(mine.id, (read) => ({
      record: { ...read, customOriginSni: 'x.com' },
    }))
    writeSync(1, `${mine.id}\n`)
  }
}

await Promise.all(Array.from({ length: 5 }, writeForEver))
