import { describe, expect, it } from 'vitest'

import type { Service } from '#control/lifecycle/outages.ts'
import { UNLIMITED } from '#test/unlimited-budget.ts'

import { createScenario, type Scenario } from '../../../bench/year/scenario.ts'
import { simulate, type Faults, type Outcome } from '../../../bench/year/simulate.ts'
import { judge, type Verdict } from '../../../bench/year/verdicts.ts'

const HOSTNAMES = 1_000
const DAY = 86_400_000

/** The first days only: enough for what is broken to show. */
function beginning(days: number, change: Partial<Scenario> = {}): Scenario {
  const scenario = createScenario({ hostnames: HOSTNAMES })
  const endAt = scenario.startAt + days * DAY
  const eras = scenario.eras.filter(({ from }) => from < endAt)
  return { ...scenario, endAt, eras, ...change }
}

async function verdictsOf(scenario: Scenario, faults: Faults = {}): Promise<Verdict[]> {
  return judge(await simulate(scenario, { faults }))
}

function failed(verdicts: readonly Verdict[]): string[] {
  return verdicts.filter(({ isHeld }) => !isHeld).map(({ title }) => title)
}

function ordersOfDays({ journal }: Outcome, from: number, to: number): number {
  return journal.ordersByHour.slice(from * 24, to * 24).reduce((sum, count) => sum + count, 0)
}

/** Of the days after an outage that ends with the 75th. */
function highestDay(outcome: Outcome): number {
  const days = Array.from({ length: 10 }, (_, n) => ordersOfDays(outcome, 75 + n, 76 + n))
  return Math.max(...days)
}

describe('two years of a small fleet', { timeout: 120_000 }, () => {
  it('see nothing expire that could be renewed, no limit exceeded, and no rush', async () => {
    const verdicts = await verdictsOf(createScenario({ hostnames: HOSTNAMES }))
    expect(verdicts).toHaveLength(6)
    expect(verdicts.filter(({ isHeld }) => !isHeld)).toEqual([])
  })

  it.each([
    ['in the last hour of an outage', 75 * DAY - 1_800_000],
    ['when an outage is just over', 75 * DAY + 60_000],
    ['while an outage is caught up with', 76 * DAY],
  ])('see no rush where the control plane starts anew %s', async (_, after) => {
    const { startAt } = createScenario()
    const outages = [{ start: startAt + 70 * DAY, end: startAt + 75 * DAY }]
    const restarts = [startAt + after]
    const simulated = await simulate(beginning(85, { outages, restarts }))
    const undisturbed = await simulate(beginning(85, { outages }))
    expect(ordersOfDays(undisturbed, 75, 85)).toBeGreaterThan(500)
    expect(highestDay(simulated)).toBeLessThanOrEqual(1.1 * highestDay(undisturbed))
  })

  it('are the same each time', async () => {
    const [one, other] = [await simulate(beginning(20)), await simulate(beginning(20))]
    expect(one.journal.ordersByHour).toEqual(other.journal.ordersByHour)
    expect(one.journal.totals.orders).toBeGreaterThan(300)
  })
})

describe('the simulation fails', { timeout: 120_000 }, () => {
  it('where all renewals go at once after an outage', async () => {
    const pace = { takeTurn: async () => 0 }
    const servedAt = (): Service => ({ at: 0, isAway: false })
    const rush = { note: () => {}, clear: () => {}, isAway: () => false, servedAt }
    const { startAt } = createScenario()
    const outage = { start: startAt + 70 * DAY, end: startAt + 75 * DAY }
    const scenario = beginning(110, { outages: [outage] })
    expect(failed(await verdictsOf(scenario, { pace, outages: rush }))).toEqual([
      'The highest 24 hours of orders is at most twice the mean (90 days)',
    ])
  })

  it('where nobody keeps the CA’s limits', async () => {
    const verdicts = await verdictsOf(beginning(60), { budget: UNLIMITED })
    expect(failed(verdicts)).toContain("None of the CA's limits is exceeded")
  })

  it('where renewals wait for too long', async () => {
    const startAt = createScenario().startAt
    const pace = { takeTurn: async () => startAt + 200 * DAY }
    const verdicts = await verdictsOf(beginning(130), { pace })
    expect(failed(verdicts)).toContain('Nothing that could be renewed expires')
  })

  it('where the CA is sent to names whose DNS is broken', async () => {
    const inspector = {
      inspectChallenge: async () => ({ isReady: true }) as const,
      inspectPermission: async () => ({ isPermitted: true }) as const,
    }
    const scenario = beginning(150, { brokenShare: 0.3 })
    expect(failed(await verdictsOf(scenario, { inspector }))).toContain(
      'Customers who break their DNS are kept and not hammered',
    )
  })
})
