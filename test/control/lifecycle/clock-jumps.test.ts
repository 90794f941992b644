import { describe, expect, it } from 'vitest'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import { createLogger } from '#lib/log.ts'
import { startControlPlane, type ControlPlane } from '#test/control-plane.ts'
import { aHostname } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'
import { tempDir } from '#test/temp-dir.ts'

const DAY = 86_400_000
const YEAR = 365 * DAY

const clockAhead = (ms: number): Clock => ({ ...systemClock, now: () => systemClock.now() + ms })

const isServed = ({ ownership, chains }: CustomHostname): boolean =>
  ownership.state === 'verified' && chains.every(({ issuance }) => issuance.state === 'issued')

/** Looked at once, in vain. */
const isWaiting = ({ ownership, chains }: CustomHostname): boolean =>
  ownership.state === 'pending' &&
  ownership.attempts > 0 &&
  chains.some(({ issuance }) => issuance.state === 'ordered' && issuance.attempts > 0)

const ABSENT = aCustomer({
  inspectOwnership: async () => ({ errors: ['custom hostname does not CNAME to this zone.'] }),
  inspectChallenge: async () => ({ isReady: false, problem: 'nothing answers on port 80.' }),
})

/** Does it with a control plane whose clock is a year ahead, which ends then; its CA is older. */
async function aYearAhead(
  dir: string,
  inspector: ReturnType<typeof aCustomer>,
  work: (plane: ControlPlane) => Promise<void>,
): Promise<void> {
  await (await startControlPlane({ dir, inspector }))[Symbol.asyncDispose]()
  await using plane = await startControlPlane({ dir, inspector, clock: clockAhead(YEAR) })
  await work(plane)
}

describe('after the clock was a year ahead and is set back', () => {
  it('what waits for its customer is looked at again, and goes on to be served', async () => {
    using dir = tempDir()
    const record = aHostname({}, systemClock.now() + YEAR)
    await aYearAhead(dir.path, ABSENT, async (plane) => {
      await plane.create(record)
      await plane.until(record.id, isWaiting)
    })
    await using plane = await startControlPlane({ dir: dir.path, inspector: aCustomer() })
    const served = await plane.until(record.id, isServed)
    for (const { certificate } of served.chains) {
      expect(certificate?.notBefore).toBeLessThanOrEqual(systemClock.now())
    }
    expect(await plane.store.hostnames.countMisdated(systemClock.now())).toBe(0)
  })

  it('what got certificates that are not valid yet gets others', async () => {
    using dir = tempDir()
    const record = aHostname({}, systemClock.now() + YEAR)
    await aYearAhead(dir.path, aCustomer(), async (plane) => {
      await plane.create(record)
      await plane.until(record.id, isServed)
    })
    await using plane = await startControlPlane({ dir: dir.path, inspector: aCustomer() })
    const isValidNow = ({ certificate }: CustomHostname['chains'][number]): boolean =>
      certificate !== undefined && certificate.notBefore <= systemClock.now()
    const served = await plane.until(
      record.id,
      (one) => isServed(one) && one.chains.every(isValidNow),
    )
    // Another zone that proves the name from now on has proved it later.
    expect(served.ownership).toMatchObject({ state: 'verified' })
    const at = served.ownership.state === 'verified' ? served.ownership.at : Infinity
    expect(at).toBeLessThanOrEqual(systemClock.now())
  })
})

describe('while the clock is before everything that is stored', () => {
  it('nothing of that is taken for misdated', async () => {
    using dir = tempDir()
    const record = aHostname({}, systemClock.now())
    {
      await using plane = await startControlPlane({ dir: dir.path, inspector: ABSENT })
      await plane.create(record)
      await plane.until(record.id, isWaiting)
    }
    const lines: string[] = []
    const log = createLogger({ level: 'warn', write: (line) => void lines.push(line) })
    const clock = clockAhead(-56 * YEAR)
    const inspector = aCustomer()
    await using plane = await startControlPlane({ dir: dir.path, inspector, clock, log })
    await expect.poll(() => lines.join()).toContain('the clock is behind')
    expect(await plane.store.hostnames.countMisdated(clock.now())).toBe(1)
    expect(await plane.store.hostnames.find(record.id)).toSatisfy(isWaiting)
  })
})
