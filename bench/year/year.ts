import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

import { renderChart } from './chart.ts'
import { readYearOptions, USAGE, type YearOptions } from './options.ts'
import { createScenario, LIMIT_FACTOR } from './scenario.ts'
import { simulate, type Outcome } from './simulate.ts'
import { DAY } from './units.ts'
import { judge, steadyFrom } from './verdicts.ts'

async function main(): Promise<number> {
  const options = readArguments()
  if (!options) return 64
  const outcome = await run(options)
  mkdirSync(dirname(options.chart), { recursive: true })
  writeFileSync(options.chart, renderChart(outcome))
  printWorld(outcome)
  const verdicts = judge(outcome)
  for (const { title, isHeld, finding } of verdicts) {
    console.log(`${isHeld ? 'held  ' : 'FAILED'} ${title}\n       ${finding}`)
  }
  console.log(`\nThe chart: ${options.chart}`)
  return verdicts.every(({ isHeld }) => isHeld) ? 0 : 1
}

function readArguments(): YearOptions | undefined {
  try {
    return readYearOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return undefined
  }
}

async function run(options: YearOptions): Promise<Outcome> {
  const scenario = createScenario(options)
  const began = performance.now()
  const onDay = (at: number): void => {
    const day = Math.round((at - scenario.startAt) / DAY)
    if (day % 30 === 0) console.error(`${seconds(began)}  day ${day}`)
  }
  const outcome = await simulate(scenario, { onDay })
  console.error(`${seconds(began)}  done\n`)
  return outcome
}

function seconds(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s`
}

function printWorld(outcome: Outcome): void {
  const { scenario, journal, brokenCustomers } = outcome
  const { hostnames, startAt, endAt, outages, ordersPerThreeHours } = scenario
  const away = outages.reduce((sum, { start, end }) => sum + end - start, 0) / DAY
  const steady = Math.round((steadyFrom(outcome) - startAt) / DAY)
  console.log(`${hostnames} hostnames, two chains each, ${day(startAt)} to ${day(endAt)} (simulated)
The CA: Let's Encrypt's published limits, but ${ordersPerThreeHours} orders in three hours for the account:
  ${LIMIT_FACTOR} × 300, scaled to the number of hostnames. Nearly all had certificates by day ${steady}.
${outages.length} outages, ${away.toFixed(1)} days in all, the longest 5; requests that got no answer: ${journal.totals.unanswered}
${brokenCustomers} customers broke their DNS, some for good
${journal.totals.orders} orders
`)
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

if (import.meta.main) process.exitCode = await main()
