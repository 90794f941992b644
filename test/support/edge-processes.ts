import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

import type { ListenAddress } from '#config/config.ts'
import type { DirectoryPublisher } from '#directory/directory.ts'
import { openSqliteDirectoryPublisher } from '#directory/sqlite-directory-publisher.ts'
import { startEdge, type Edge } from '#edge/edge.ts'
import { systemClock as clock, type Clock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { Metrics } from '#lib/metrics.ts'
import { systemRandom as random } from '#lib/random.ts'

import { tempDir } from './temp-dir.ts'

export interface TestEdgeProcesses extends AsyncDisposable {
  readonly edge: Edge
  readonly publisher: DirectoryPublisher
  /** Of the primary: worker restarts. */
  readonly metrics: Metrics
  /** Every process that was forked, in order. */
  readonly processes: readonly ChildProcess[]
}

export interface TestEdgeProcessesOptions {
  /** @default 2 */
  workers?: number
  /** Of the worker's main, by the number of the process. @default none */
  flags?: (index: number) => readonly string[]
  https?: ListenAddress
  http?: ListenAddress
  drainMs?: number
  /** Of the primary. @default real time */
  clock?: Clock
}

const ANY_PORT: ListenAddress = { host: '127.0.0.1', port: 0 }

/** A whole edge, primary in this process and workers in their own, over a SQLite directory. */
export async function startEdgeProcesses(
  options: TestEdgeProcessesOptions = {},
): Promise<TestEdgeProcesses> {
  const { workers = 2, flags = () => [], https = ANY_PORT, http = ANY_PORT } = options
  const { drainMs = 5_000 } = options
  await using stack = new AsyncDisposableStack()
  const dir = stack.use(tempDir())
  const path = join(dir.path, 'directory.db')
  const publisher = stack.use(await openSqliteDirectoryPublisher({ path, clock }))
  await publisher.writeEpoch('test')
  const processes: ChildProcess[] = []
  const spawn = (): ChildProcess => {
    const main = join(import.meta.dirname, 'edge-worker-main.ts')
    const child = fork(main, [path, ...flags(processes.length)], { execArgv: [] })
    processes.push(child)
    return child
  }
  const metrics = new Metrics()
  const config = {
    edgeHttps: https,
    edgeHttp: http,
    workers,
    edge: { accessLog: false, defaultHostname: undefined, cacheBytes: 1e6, drainMs },
  }
  const parts = { config, spawn, clock: options.clock ?? clock, random, logger: silentLogger }
  const edge = stack.use(await startEdge({ ...parts, metrics }))
  const owned = stack.move()
  return {
    edge,
    publisher,
    metrics,
    processes,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
