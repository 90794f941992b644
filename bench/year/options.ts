import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { FULL_SIZE } from './scenario.ts'

export interface YearOptions {
  hostnames: number
  seed: number
  /** Where the chart is written. */
  chart: string
}

export const USAGE = `Usage: npm run bench:year -- [options]
  --hostnames=<n>  1000 to 1000000, default 100000; 5000 take seconds
  --seed=<n>       of all that is drawn, default 1
  --chart=<file>   where to write the SVG, default bench/results/year.svg`

const DEFAULT_CHART = join(import.meta.dirname, '../results/year.svg')

/** @throws {TypeError | RangeError} naming the option */
export function readYearOptions(args: readonly string[]): YearOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      hostnames: { type: 'string', default: String(FULL_SIZE) },
      seed: { type: 'string', default: '1' },
      chart: { type: 'string', default: DEFAULT_CHART },
    },
  })
  return {
    hostnames: readWhole('hostnames', values.hostnames, { least: 1_000, most: 1_000_000 }),
    seed: readWhole('seed', values.seed, { least: 0, most: 2 ** 31 }),
    chart: values.chart,
  }
}

function readWhole(
  name: string,
  value: string,
  { least, most }: { least: number; most: number },
): number {
  const number = Number(value)
  if (value !== '' && Number.isInteger(number) && number >= least && number <= most) return number
  const rule = `must be a whole number from ${least} to ${most}`
  throw new RangeError(`--${name} ${rule}: received ${value}`)
}
