import { expect, it } from 'vitest'

import { renderChart } from '../../../bench/year/chart.ts'
import { createJournal } from '../../../bench/year/journal.ts'
import { createScenario } from '../../../bench/year/scenario.ts'

const DAY = 86_400_000

it('draws a bar for each day with orders and the smallest lifetime', () => {
  const scenario = createScenario({ hostnames: 1_000 })
  const journal = createJournal(scenario)
  const now = scenario.startAt + 3.5 * DAY
  for (let n = 0; n < 40; n++) journal.noteOrder({ now, isRenewal: n >= 10 })
  journal.noteDay(3, { chains: 1, expired: 0, smallestRemainingMs: 50 * DAY })
  journal.noteDay(4, { chains: 1, expired: 0, smallestRemainingMs: 49 * DAY })
  const svg = renderChart({ scenario, journal, violations: new Map(), brokenCustomers: 0 })
  const bars = (fill: string): number => svg.split(`fill="${fill}"`).length - 1
  // One each is the legend's.
  expect([bars('#2c6e9b'), bars('#9cc3dc')]).toEqual([2, 2])
  expect(bars('#f6c9bb')).toBe(2 * scenario.outages.length + 1)
  expect(svg).toMatch(/^<svg [^>]*xmlns=.*<\/svg>\n$/s)
  expect(svg).toContain('45-day certificates')
  expect(svg).not.toMatch(/NaN|Infinity|undefined/)
})
