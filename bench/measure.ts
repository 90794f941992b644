import type { LoadResult, Target } from './load/load.ts'
import type { RunningOpponent } from './opponents/opponent.ts'
import { busyMicroseconds, cpuMicroseconds, TEST_CORE } from './processes.ts'
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
  /** Share of the core that anything else used: above a few per cent the numbers are too high. */
  foreign: number
}

export interface Subject {
  name: string
  running: RunningOpponent
  hostname: string
}

/**
 * Unmeasured runs, which warm the opponent up (V8 needs some thousand requests) and tell how many
 * requests fill the time.
 */
export async function rehearse(row: Row, subject: Subject, seconds: number): Promise<number> {
  let requests = row.firstRequests
  for (let run = 0; run < 2; run++) {
    const result = await row.run(targetOf(subject), requests)
    const wanted = Math.round((requests / result.seconds) * seconds)
    requests = Math.min(Math.max(wanted, row.firstRequests), row.maxRequests)
  }
  return requests
}

export async function measure(
  row: Row,
  subject: Subject,
  { requests, round }: { requests: number; round: number },
): Promise<Measurement> {
  const pids = subject.running.processes()
  const before = {
    own: cpuMicroseconds(pids),
    core: busyMicroseconds(TEST_CORE),
    at: performance.now(),
  }
  const result: LoadResult = await row.run(targetOf(subject), requests)
  const used = cpuMicroseconds(pids) - before.own
  const coreUsed = busyMicroseconds(TEST_CORE) - before.core
  const elapsed = (performance.now() - before.at) * 1_000
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
    foreign: Math.max(0, (coreUsed - used) / elapsed),
  }
}

function targetOf({ running, hostname }: Subject): Target {
  return { port: running.port, hostname }
}
