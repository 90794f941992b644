import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release } from 'node:os'
import { join } from 'node:path'

import { ensurePackages } from '#test/packages.ts'

import { HOSTNAME, prepareField, type Field } from './field.ts'
import { runAutocannon, type AutocannonResult } from './load/autocannon.ts'
import { measure, rehearse, type Measurement, type Subject } from './measure.ts'
import { caddy } from './opponents/caddy.ts'
import { commitOf, custos } from './opponents/custos.ts'
import { haproxy } from './opponents/haproxy.ts'
import { nodeHttpProxy } from './opponents/http-proxy.ts'
import { nginx } from './opponents/nginx.ts'
import type { Opponent } from './opponents/opponent.ts'
import { readOptions, select, USAGE, type BenchOptions } from './options.ts'
import { renderMarkdown, type Report } from './report.ts'
import { ROWS, type Row } from './rows.ts'
import { missedThresholds } from './thresholds.ts'
import { verify } from './verify.ts'

const OPPONENTS: readonly Opponent[] = [nginx, haproxy, custos, nodeHttpProxy, caddy]

interface Contender {
  opponent: Opponent
  subject: Subject
  version: string
}

async function main(): Promise<number> {
  const options = readArguments()
  if (!options) return 64
  if (availableParallelism() < 2) throw new Error('The bench needs two cores: one is under test')
  const chosen = select(options.only, { rows: ROWS, opponents: OPPONENTS })
  const packages = chosen.opponents.flatMap(({ packageName }) => packageName ?? [])
  await ensurePackages([...packages, 'nghttp2-client'])
  const commit = commitOf(import.meta.dirname)
  await using field = await prepareField()
  closeOnSignals(field)
  const contenders = await startAll(field, chosen.opponents)
  if (!(await verifyAll(contenders))) return 1
  const measurements = await measureAll(contenders, chosen.rows, options)
  const autocannon = options.autocannon ? await runAutocannons(contenders) : {}
  const report = makeReport({
    commit,
    contenders,
    rows: chosen.rows,
    measurements,
    autocannon,
    options,
  })
  publish(report)
  return judge(report, options)
}

function readArguments(): BenchOptions | undefined {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return undefined
  }
}

/** A Ctrl-C must leave nothing behind: every server runs in a process group of its own. */
function closeOnSignals(field: Field): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void endAll(field)
    })
  }
}

async function endAll(field: Field): Promise<void> {
  await field[Symbol.asyncDispose]()
  process.exit(130)
}

async function startAll(field: Field, opponents: readonly Opponent[]): Promise<Contender[]> {
  const contenders: Contender[] = []
  for (const opponent of opponents) {
    const version = await opponent.version()
    contenders.push({ opponent, version, subject: await field.add(opponent) })
    console.error(`Started ${opponent.name} ${version}`)
  }
  return contenders
}

async function verifyAll(contenders: readonly Contender[]): Promise<boolean> {
  let allRight = true
  for (const { opponent, subject } of contenders) {
    const wrong = await verify(subject.running, HOSTNAME, opponent.protocols)
    for (const sentence of new Set(wrong)) console.error(`${opponent.name}: ${sentence}`)
    allRight &&= wrong.length === 0
  }
  return allRight
}

/** Interleaved, so that a change of the machine's mood reaches all alike. */
async function measureAll(
  contenders: readonly Contender[],
  rows: readonly Row[],
  { rounds, seconds }: BenchOptions,
): Promise<Measurement[]> {
  const pairs = rows.flatMap((row) =>
    contenders
      .filter(({ opponent }) => opponent.protocols.includes(row.protocol))
      .map(({ subject }) => ({ row, subject, requests: 0 })),
  )
  for (const pair of pairs) pair.requests = await rehearse(pair.row, pair.subject, seconds)
  const measurements: Measurement[] = []
  for (let round = 1; round <= rounds; round++) {
    for (const { row, subject, requests } of pairs) {
      const result = await measure(row, subject, { requests, round })
      measurements.push(result)
      printProgress(result)
    }
  }
  return measurements
}

function printProgress(result: Measurement): void {
  const { round, row, opponent, microseconds, busy, foreign, requests } = result
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`
  const core = `core ${percent(busy)} busy, ${percent(foreign)} by others`
  const numbers = `${microseconds.toFixed(1)} µs, ${core}`
  console.error(`round ${round}  ${row.padEnd(8)} ${opponent.padEnd(19)} ${numbers}, n=${requests}`)
}

async function runAutocannons(
  contenders: readonly Contender[],
): Promise<Record<string, AutocannonResult>> {
  const results: Record<string, AutocannonResult> = {}
  for (const { subject } of contenders) {
    const target = { port: subject.running.port, hostname: HOSTNAME }
    results[subject.name] = await runAutocannon(target, 3)
  }
  return results
}

interface Results {
  /** As it was when the servers were started. */
  commit: string
  contenders: readonly Contender[]
  rows: readonly Row[]
  measurements: readonly Measurement[]
  autocannon: Readonly<Record<string, AutocannonResult>>
  options: BenchOptions
}

function makeReport({
  commit,
  contenders,
  rows,
  measurements,
  autocannon,
  options,
}: Results): Report {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit,
    machine: `${cpus()[0]?.model.trim()} (${availableParallelism()} cores, Linux ${release()})`,
    rounds: options.rounds,
    opponents: contenders.map(({ opponent: { name }, version }) => ({ name, version })),
    rows: rows.map(({ key, title }) => ({ key, title })),
    measurements,
    autocannon,
  }
}

function publish(report: Report): void {
  const directory = join(import.meta.dirname, 'results')
  mkdirSync(directory, { recursive: true })
  const file = join(directory, `${new Date().toISOString().replaceAll(':', '-')}.json`)
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`)
  console.log(`\n${renderMarkdown(report)}\n`)
  console.error(`Written to ${file}`)
}

/** The exit code: a single failed request makes every number worthless. */
function judge(report: Report, { check }: BenchOptions): number {
  const failed = report.measurements.filter(({ failures }) => failures > 0)
  for (const { row, opponent, failures, problems } of failed) {
    console.error(`${row}, ${opponent}: ${failures} failures: ${problems.join('; ')}`)
  }
  const unhappy = Object.entries(report.autocannon).filter(([, { failures }]) => failures > 0)
  for (const [name, { failures }] of unhappy)
    console.error(`autocannon, ${name}: ${failures} failures`)
  const missed = check ? missedThresholds(report) : []
  for (const sentence of missed) console.error(`Threshold missed: ${sentence}`)
  return failed.length + unhappy.length + missed.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await main()
