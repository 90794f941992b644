import { describe, expect, it } from 'vitest'

import { startLifecycle, type Lifecycle } from '#control/lifecycle/lifecycle.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { advanceOwnership } from '#domain/ownership.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import { silentLogger as log } from '#lib/log.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import type { Store } from '#store/store.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { aHostname, aZone } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

interface Loop extends AsyncDisposable {
  store: Store
  lifecycle: Lifecycle
  /** Ids of the hostnames that were worked on, in order. */
  worked: string[]
}

/** A lifecycle with two places in each line, in which each work takes until the test ends. */
async function startHangingLoop(
  records: readonly CustomHostname[],
  clock: Clock = systemClock,
): Promise<Loop> {
  await using stack = new AsyncDisposableStack()
  const dir = stack.use(tempDir())
  const sealer = createSealer([Buffer.alloc(32, 1)])
  const path = `${dir.path}/custos.db`
  const store = stack.use(await openSqlStore({ path, sealer, clock }))
  await store.zones.create(aZone())
  for (const record of records) await store.hostnames.create(record)
  const worked: string[] = []
  const worker = {
    async work(id: string, { signal }: { signal: AbortSignal }) {
      worked.push(id)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  }
  const limits = { concurrency: 2, maxBegun: 2, maxSlow: 3 }
  const lifecycle = stack.use(startLifecycle({ store, worker, clock, log, ...limits }))
  const owned = stack.move()
  return { store, lifecycle, worked, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Long due, and looked at in vain before. */
function aSlowOne(): CustomHostname {
  const record = aHostname({}, 1)
  const ownership = { state: 'pending', since: 1, attempts: 3, nextAt: 1, errors: [] } as const
  return { ...record, ownership, chains: [] }
}

const aNewOne = (): CustomHostname => aHostname({}, systemClock.now())

describe('hostnames that are worked on', () => {
  it('do not wait behind those whose customers are slow, however many', async () => {
    const slow = Array.from({ length: 5 }, aSlowOne)
    await using loop = await startHangingLoop(slow)
    await expect.poll(() => loop.worked).toHaveLength(2)
    const record = aNewOne()
    await loop.store.hostnames.create(record)
    loop.lifecycle.wake()
    await expect.poll(() => loop.worked).toHaveLength(3)
    expect(loop.worked[2]).toBe(record.id)
  })

  it('do not wait behind those that callers have begun with, of which there is a bound', async () => {
    await using loop = await startHangingLoop([])
    const begun = Array.from({ length: 3 }, () => aHostname({}, systemClock.now() + 60_000))
    for (const record of begun) await loop.store.hostnames.create(record)
    await Promise.all(begun.map(({ id }) => loop.lifecycle.begin(id)))
    expect(loop.worked).toHaveLength(2)
    const record = aNewOne()
    await loop.store.hostnames.create(record)
    loop.lifecycle.wake()
    await expect.poll(() => loop.worked).toHaveLength(3)
    expect(loop.worked[2]).toBe(record.id)
  })

  it('do not wait behind those that have been slow for three seconds, of which there is a bound', async () => {
    const clock = fakeClock()
    const now = clock.now()
    const records = Array.from({ length: 9 }, (_, n) => aHostname({}, now - 9 + n))
    await using loop = await startHangingLoop(records, clock)
    await expect.poll(() => loop.worked).toHaveLength(2)
    await clock.advance(2_900)
    expect(loop.worked).toHaveLength(2)
    await clock.advance(200)
    await expect.poll(() => loop.worked).toHaveLength(4)
    // Three slow ones make way, and the fourth does not.
    await clock.advance(3_200)
    await expect.poll(() => loop.worked).toHaveLength(5)
    await clock.advance(3_200)
    expect(loop.worked).toEqual(records.slice(0, 5).map(({ id }) => id))
  })

  it('do not wait behind those whom somebody asked to look at again, however many', async () => {
    const now = systemClock.now()
    const refreshed = Array.from({ length: 5 }, aSlowOne).map((record) => ({
      ...record,
      ownership: advanceOwnership(record.ownership, { type: 'restart' }, now - 1_000),
    }))
    await using loop = await startHangingLoop(refreshed)
    await expect.poll(() => loop.worked).toHaveLength(2)
    const record = aNewOne()
    await loop.store.hostnames.create(record)
    loop.lifecycle.wake()
    await expect.poll(() => loop.worked).toHaveLength(3)
    expect(loop.worked[2]).toBe(record.id)
  })
})
