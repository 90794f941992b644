import type { LoadResult, Target } from './load/load.ts'
import type { RunningOpponent } from './opponents/opponent.ts'
import { cpuMicroseconds } from './processes.ts'
import type { Row } from './rows.ts'

export interface Measurement {
  row: string
  opponent: string
  round: number
  requests: number
  failures: number
  problems: readonly string[]
  /** CPU time of the process under test for each request. */
  microseconds: number
  /** Share of its core that it used; below 0.9 the generator, not the opponent, set the pace. */
  busy: number
}

export interface Subject {
  name: string
  running: RunningOpponent
  hostname: string
}

/** A first, unmeasured run, which warms the opponent up and tells how many requests fill the time. */
export async function rehearse(row: Row, subject: Subject, seconds: number): Promise<number> {
  const result = await row.run(targetOf(subject), row.firstRequests)
  const wanted = Math.round((row.firstRequests / result.seconds) * seconds)
  return Math.min(Math.max(wanted, row.firstRequests), row.maxRequests)
}

export async function measure(
  row: Row,
  subject: Subject,
  { requests, round }: { requests: number; round: number },
): Promise<Measurement> {
  const pids = subject.running.processes()
  const before = cpuMicroseconds(pids)
  const result: LoadResult = await row.run(targetOf(subject), requests)
  const used = cpuMicroseconds(pids) - before
  subject.running.assertAlive()
  return {
    row: row.key,
    opponent: subject.name,
    round,
    requests,
    failures: result.failures,
    problems: result.problems,
    microseconds: used / requests,
    busy: used / (result.seconds * 1e6),
  }
}

function targetOf({ running, hostname }: Subject): Target {
  return { port: running.port, hostname }
}
