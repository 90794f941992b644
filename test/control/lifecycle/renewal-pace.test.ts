import { describe, expect, it, onTestFinished } from 'vitest'

import { createRenewalPace, type PacedRenewal } from '#control/lifecycle/renewal-pace.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

const MINUTE = 60_000
/** Of 24,000 chains with cycles of 30 days: one in 1.8 minutes, and a quarter quicker. */
const STEP = 86_400
const DAY = 86_400_000

/** Due now: two thirds of its 45 days have gone by. */
const due: PacedRenewal = {
  certificate: { id: '1', notBefore: NOON - 30 * DAY, notAfter: NOON + 15 * DAY },
  renewalInfo: undefined,
}

interface Line {
  clock: FakeClock
  take(renewal?: PacedRenewal): Promise<number>
}

/** A line of a fleet of this size, and how many came before. */
async function lineOf(hostnames: number, waiting: number): Promise<Line> {
  const dir = tempDir()
  onTestFinished(() => dir.remove())
  const clock = fakeClock(NOON)
  const sealer = createSealer([new Uint8Array(32)])
  const { budget, close } = await openStore()
  onTestFinished(close)
  const pace = createRenewalPace({
    store: { budget, hostnames: { countAll: async () => hostnames } },
    clock,
  })
  for (let n = 0; n < waiting; n++) await pace.takeTurn(due)
  return { clock, take: (renewal = due) => pace.takeTurn(renewal) }

  async function openStore(): Promise<{ budget: Budget; close: () => Promise<void> }> {
    const store = await openSqlStore({ path: `${dir.path}/custos.db`, sealer, clock })
    return { budget: store.budget, close: () => store.close() }
  }
}

type Budget = Parameters<typeof createRenewalPace>[0]['store']['budget']

describe('the pace of renewals', () => {
  it('lets the first few go at once', async () => {
    const { take } = await lineOf(1_000_000, 0)
    for (let n = 0; n < 10; n++) expect(await take()).toBe(NOON)
    expect(await take()).toBeGreaterThan(NOON)
  })

  it('is a quarter quicker than all chains in one cycle', async () => {
    const { take } = await lineOf(12_000, 10)
    expect((await take()) - NOON).toBe(STEP)
    expect((await take()) - NOON).toBe(2 * STEP)
  })

  it('takes of the line by the lifetime of each', async () => {
    const { take } = await lineOf(12_000, 30)
    expect((await take()) - NOON).toBe(21 * STEP)
    const long = { id: '2', notBefore: NOON - 60 * DAY, notAfter: NOON + 30 * DAY }
    await take({ ...due, certificate: long })
    expect((await take()) - NOON).toBe(24 * STEP)
  })

  it('keeps a small fleet waiting for half an hour each, not for days', async () => {
    const { take } = await lineOf(20, 10)
    expect((await take()) - NOON).toBe(30 * MINUTE)
  })

  it('never lets one wait until it is something to worry about', async () => {
    const { take, clock } = await lineOf(20, 400)
    expect(await take()).toBe(NOON + 7.5 * DAY)
    clock.jump(NOON + 8 * DAY)
    expect(await take()).toBe(NOON + 8 * DAY)
  })

  it.each([
    ['wants it sooner than we would', { window: { start: NOON - 20 * DAY, end: NOON - 9 * DAY } }],
    [
      'says why',
      { window: { start: NOON - DAY, end: NOON }, explanationUrl: 'https://ca.test/why' },
    ],
  ])('lets one go at once where the CA %s', async (_, renewalInfo) => {
    const { take } = await lineOf(20, 50)
    expect(await take({ ...due, renewalInfo })).toBe(NOON)
    const usual = { window: { start: NOON - DAY, end: NOON } }
    expect(await take({ ...due, renewalInfo: usual })).toBeGreaterThan(NOON)
  })
})
