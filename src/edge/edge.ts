import type { ChildProcess } from 'node:child_process'

import type { Config, ListenAddress } from '#config/config.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { MetricSnapshot, Metrics } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'

import { CAN_SHARE_PORTS, checkFree } from './listen.ts'
import { WorkerSlot, type WorkerPorts } from './worker-slot.ts'

export interface EdgeOptions {
  config: Pick<Config, 'edgeHttps' | 'edgeHttp' | 'workers' | 'edge'>
  /** Forks a worker process (`child_process.fork`) that calls `runWorkerProcess`. */
  spawn(): ChildProcess
  clock: Clock
  random: Random
  logger: Logger
  /** Of this process; gets the count of restarts. */
  metrics: Metrics
}

/** The data plane of one machine: worker processes that share two ports. */
export interface Edge extends AsyncDisposable {
  /** With the ports that were picked where 0 was asked. */
  readonly https: ListenAddress
  readonly http: ListenAddress
  /** Workers that accept connections now. */
  readonly readyWorkers: number
  /** Of the worker processes that run now. */
  readonly workerPids: readonly number[]
  /** What the workers measured, for `renderMetrics`; one that does not answer in time is left out. */
  measure(): Promise<MetricSnapshot[]>
  /**
   * Lets all workers drain and waits for their end. With `now` it ends them at once, also when a
   * patient close is under way. Idempotent.
   */
  close(options?: { now?: boolean }): Promise<void>
}

/**
 * Starts all workers and resolves when all accept connections. Whoever dies later is replaced.
 *
 * Workers share their ports by SO_REUSEPORT, under which any process of the same user could listen
 * beside them. So it is checked first, without that option, that nobody does. Where port 0 is asked,
 * the first worker's ports become everybody's. Where ports cannot be shared there is one worker.
 *
 * @throws {ListenError} with the address and why
 */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { config, metrics, logger } = options
  const restarts = metrics.counter({
    name: 'custos_edge_worker_restarts_total',
    help: 'Worker processes started in place of one that died.',
  })
  if (!(config.workers >= 1)) {
    throw new RangeError(`workers must be at least 1: received ${config.workers}`)
  }
  for (const address of [config.edgeHttps, config.edgeHttp]) {
    if (address.port !== 0) await checkFree(address)
  }
  const workers = CAN_SHARE_PORTS ? config.workers : 1
  if (workers < config.workers) {
    logger.warn({ workers }, 'processes cannot share a port on this system: one worker serves')
  }
  const slots = Array.from({ length: workers }, () => {
    return new WorkerSlot({ ...options, restarts: restarts.cell({}) })
  })
  return launch(slots, config)
}

async function launch(slots: readonly WorkerSlot[], config: EdgeOptions['config']): Promise<Edge> {
  const { drainMs } = config.edge
  const endAll = (now: boolean): Promise<unknown> =>
    Promise.all(slots.map((slot) => slot.close({ drainMs, now })))
  try {
    const ports = await startSlots(slots, { https: config.edgeHttps, http: config.edgeHttp })
    return createEdge({ slots, ports, endAll })
  } catch (error) {
    await endAll(true)
    throw error
  }
}

/** All at once; where a port is to be picked, the others wait for the first to tell which it got. */
async function startSlots(slots: readonly WorkerSlot[], asked: WorkerPorts): Promise<WorkerPorts> {
  const [first, ...others] = slots
  if (!first) throw new RangeError('workers must be at least 1: received 0')
  const isPicked = asked.https.port === 0 || asked.http.port === 0
  const started = first.start(asked)
  const ports = isPicked ? await started : asked
  await Promise.all([started, ...others.map((slot) => slot.start(ports))])
  return ports
}

interface EdgeParts {
  slots: readonly WorkerSlot[]
  ports: WorkerPorts
  endAll(now: boolean): Promise<unknown>
}

function createEdge({ slots, ports, endAll }: EdgeParts): Edge {
  let closed: Promise<unknown> | undefined
  const close = async ({ now = false }: { now?: boolean } = {}): Promise<void> => {
    if (now) closed = endAll(true)
    else closed ??= endAll(false)
    await closed
  }
  return {
    https: ports.https,
    http: ports.http,
    get readyWorkers() {
      return slots.filter((slot) => slot.isReady).length
    },
    get workerPids() {
      return slots.map((slot) => slot.pid).filter((pid) => pid !== undefined)
    },
    async measure() {
      const snapshots = await Promise.all(slots.map((slot) => slot.measure()))
      return snapshots.filter((snapshot) => snapshot !== undefined)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
