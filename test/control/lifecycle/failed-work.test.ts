import { describe, expect, it } from 'vitest'

import { startLifecycle } from '#control/lifecycle/lifecycle.ts'
import { DirectoryError } from '#directory/directory.ts'
import { silentLogger as log } from '#lib/log.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { aHostname, aZone } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'
import { waitUntil } from '#test/wait.ts'

/** Seconds after a failure at which the hostname is worked on again. */
async function secondsUntilRetry(
  failure: Error,
  fail: (signal: AbortSignal) => Promise<void> = () => Promise.reject(failure),
): Promise<number> {
  using dir = tempDir()
  const clock = fakeClock()
  const sealer = createSealer([Buffer.alloc(32, 1)])
  await using store = await openSqlStore({ path: `${dir.path}/custos.db`, sealer, clock })
  await store.zones.create(aZone())
  await store.hostnames.create(aHostname({}, clock.now()))
  const startedAt: number[] = []
  const worker = {
    work(_: string, { signal }: { signal: AbortSignal }) {
      startedAt.push(clock.now())
      return fail(signal)
    },
  }
  await using lifecycle = startLifecycle({ store, worker, clock, log })
  while (startedAt.length < 2) await clock.advance(250)
  const [first = 0, second = 0] = startedAt
  const closing = lifecycle.close()
  await clock.advance(30_000)
  await closing
  return (second - first) / 1_000
}

describe('work that failed', () => {
  it('is taken up again soon where only the directory was away', async () => {
    const seconds = await secondsUntilRetry(new DirectoryError('unavailable', 'away'))
    expect(seconds).toBeGreaterThanOrEqual(1)
    expect(seconds).toBeLessThanOrEqual(2)
  })

  it('waits for the end of its lease where the hostname itself may be at fault', async () => {
    expect(await secondsUntilRetry(new Error('no idea'))).toBeGreaterThanOrEqual(20)
  })

  it('that ran out of its time is taken up again at once, and by nobody before', async () => {
    const untilAborted = (signal: AbortSignal): Promise<void> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const seconds = await secondsUntilRetry(new Error('never'), untilAborted)
    expect(seconds).toBeGreaterThanOrEqual(26)
    expect(seconds).toBeLessThanOrEqual(27)
  })
})

describe('work that is claimed again before its last job is gone', () => {
  it('goes on then, not when its lease ends', async () => {
    using dir = tempDir()
    const clock = fakeClock()
    const sealer = createSealer([Buffer.alloc(32, 1)])
    await using store = await openSqlStore({ path: `${dir.path}/custos.db`, sealer, clock })
    await store.zones.create(aZone())
    await store.hostnames.create(aHostname({}, clock.now()))
    const { hostnames } = store
    const release = hostnames.release.bind(hostnames)
    const claimDue = hostnames.claimDue.bind(hostnames)
    let claims = 0
    hostnames.claimDue = async (now, options) => {
      const records = await claimDue(now, options)
      claims += records.length
      return records
    }
    // As where both share a commit: released and claimed before either is known.
    hostnames.release = async (id) => {
      const before = claims
      await release(id)
      lifecycle.wake()
      if (before === 1) await waitUntil('it is claimed again', () => claims === 2)
    }
    let worked = 0
    const worker = { work: async () => void worked++ }
    await using lifecycle = startLifecycle({ store, worker, clock, log })
    await expect.poll(() => worked).toBeGreaterThan(1)
  })
})
