import { parseArgs } from 'node:util'

export interface LifecycleOptions {
  /** Hostnames to create. */
  count: number
  /** Created each second. */
  rate: number
  /** Exit 1 where the slowest hundredth takes longer than promised. */
  check: boolean
  /** Folder in which Custos leaves CPU profiles. */
  profile: string | undefined
}

export const USAGE = `Usage: npm run bench:lifecycle -- [options]
  --count=<n>  hostnames, 1 to 10000, default 500
  --rate=<n>   created each second, 1 to 1000, default 10
  --check      exit 1 where the 99th percentile is 5 seconds or more
  --profile=<folder>  leaves CPU profiles of Custos there`

/** @throws {TypeError | RangeError} naming the option */
export function readOptions(args: readonly string[]): LifecycleOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      count: { type: 'string', default: '500' },
      rate: { type: 'string', default: '10' },
      check: { type: 'boolean', default: false },
      profile: { type: 'string' },
    },
  })
  return {
    count: wholeNumber('--count', values.count, 10_000),
    rate: wholeNumber('--rate', values.rate, 1_000),
    check: values.check,
    profile: values.profile,
  }
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new RangeError(`${name} must be a whole number from 1 to ${max}: received ${text}`)
}
