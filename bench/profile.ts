import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { ensurePackages } from '#test/packages.ts'

import { readCpuProfile, topFunctions, type ProfileWindow } from './cpu-profile.ts'
import { prepareField } from './field.ts'
import { measure, rehearse } from './measure.ts'
import { startCustos } from './opponents/custos.ts'
import type { Setting } from './opponents/opponent.ts'
import { ROWS } from './rows.ts'

/**
 * `node bench/profile.ts [row] [functions]`: the functions of the edge worker that take the most time
 * themselves under the load of a row (default `http1`), sampled only while the load runs. The profile
 * stays in bench/results/ for Chrome's or an editor's viewer.
 */
const INTERVAL_US = 250
const SECONDS = 5

async function main(key = 'http1', count = '40'): Promise<void> {
  const row = ROWS.find((row) => row.key === key)
  if (!row) throw new RangeError(`Unknown row ${key}: one of ${ROWS.map((r) => r.key).join(' ')}`)
  await ensurePackages(['nghttp2-client'])
  const directory = join(import.meta.dirname, 'results', `profile-${key}-${Date.now()}`)
  mkdirSync(directory, { recursive: true })
  const { workers, window } = await runUnderLoad(row, directory)
  const file = readdirSync(directory).find((name) =>
    workers.some((pid) => name.includes(`.${pid}.0.`)),
  )
  if (!file) throw new Error(`The worker left no profile in ${directory}: did it end by a signal?`)
  const profile = readCpuProfile(readFileSync(join(directory, file), 'utf8'))
  for (const line of topFunctions(profile, window).slice(0, Number(count))) console.log(line)
  console.error(`The whole profile: ${join(directory, file)}`)
}

/** Resolves when Custos has ended, which is when profiles are written. */
async function runUnderLoad(
  row: (typeof ROWS)[number],
  directory: string,
): Promise<{ workers: number[]; window: ProfileWindow }> {
  const NODE_OPTIONS = [
    '--cpu-prof',
    `--cpu-prof-dir=${directory}`,
    `--cpu-prof-interval=${INTERVAL_US}`,
  ].join(' ')
  await using field = await prepareField()
  const subject = await field.add({
    name: 'Custos',
    start: (setting: Setting) => startCustos(setting, { NODE_OPTIONS }),
  })
  const workers = subject.running.processes()
  const requests = await rehearse(row, subject, SECONDS)
  const from = monotonicMicroseconds()
  const { microseconds, busy, problems } = await measure(row, subject, { requests, round: 1 })
  const window = { from, to: monotonicMicroseconds() }
  for (const problem of problems) console.error(`Failed: ${problem}`)
  console.error(
    `${row.title}: ${microseconds.toFixed(1)} µs, core ${(busy * 100).toFixed(0)} % busy`,
  )
  return { workers, window }
}

/** The clock that V8's profiles carry. */
function monotonicMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

if (import.meta.main) await main(...process.argv.slice(2))
