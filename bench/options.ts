import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** How often every row is measured with every opponent. */
  rounds: number
  /** How long each measurement is to take. */
  seconds: number
  /** Row keys and opponent names, in lower case, of which any must match; empty: all. */
  only: readonly string[]
  /** Also hold the result against the thresholds. */
  check: boolean
  autocannon: boolean
}

export const USAGE = `Usage: npm run bench -- [options]
  --quick          one short round
  --only=<a,b>     rows (http1 http2 new resumed rsa large) and opponents (nginx, caddy, …)
  --rounds=<n>     1 to 50, default 3
  --check          exit 1 where Custos misses a threshold of bench/README.md
  --no-autocannon  leave out the side note`

/** @throws {TypeError | RangeError} naming the option */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      check: { type: 'boolean', default: false },
      'no-autocannon': { type: 'boolean', default: false },
    },
  })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 50) {
    throw new RangeError(`--rounds must be a whole number from 1 to 50: received ${values.rounds}`)
  }
  const only = values.only.toLowerCase().split(',').filter(Boolean)
  return {
    rounds,
    seconds: values.quick ? 0.5 : 1.5,
    only,
    check: values.check,
    autocannon: !values['no-autocannon'],
  }
}

/**
 * What `--only` leaves. Names that match no row leave all rows, so that `--only=nginx` measures nginx
 * on every row; likewise for opponents.
 *
 * @throws {RangeError} naming what matches neither
 */
export function select<R extends { key: string }, O extends { name: string }>(
  only: readonly string[],
  all: { rows: readonly R[]; opponents: readonly O[] },
): { rows: readonly R[]; opponents: readonly O[] } {
  const rows = all.rows.filter(({ key }) => only.includes(key))
  const isNamed = (name: string, word: string): boolean => name.toLowerCase().includes(word)
  const opponents = all.opponents.filter(({ name }) => only.some((word) => isNamed(name, word)))
  for (const word of only) {
    const known =
      rows.some(({ key }) => key === word) || opponents.some((o) => isNamed(o.name, word))
    if (!known) throw new RangeError(`--only knows no row and no opponent "${word}"`)
  }
  return {
    rows: rows.length > 0 ? rows : all.rows,
    opponents: opponents.length > 0 ? opponents : all.opponents,
  }
}
