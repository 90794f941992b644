import type { ChildProcess } from 'node:child_process'

import type { ListenAddress } from '#config/config.ts'
import { backoffMs } from '#lib/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Cell, MetricSnapshot } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'

import { fromFailure, parseWorkerMessage, type PrimaryMessage, type WorkerMessage } from './ipc.ts'

export interface WorkerSlotOptions {
  /** Forks a process that runs `runWorkerProcess`. */
  spawn(): ChildProcess
  clock: Clock
  random: Random
  logger: Logger
  restarts: Cell
}

export interface WorkerPorts {
  https: ListenAddress
  http: ListenAddress
}

/** How long a worker may take from its start until it accepts connections. */
const READY_MS = 30_000
/** A worker that lived so long dies anew: its back-off starts from the beginning. */
const LIVED_MS = 60_000
const RESTART = { firstMs: 200, maxMs: 30_000 }
/** How long a worker may take to answer how it is. */
const MEASURE_MS = 2_000
/** Beyond its own drain time, before it is killed. */
const CLOSE_SLACK_MS = 5_000

/** A place for one worker process, which starts another when the one in it dies. */
export class WorkerSlot {
  readonly #options: WorkerSlotOptions
  readonly #stop = new AbortController()
  readonly #waiting = new Map<number, (snapshot: MetricSnapshot) => void>()
  #process: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #ports: WorkerPorts | undefined
  #isReady = false
  #startedAt = 0
  #failures = 0
  #lastRequest = 0

  constructor(options: WorkerSlotOptions) {
    this.#options = options
  }

  /** A process is in it and accepts connections. */
  get isReady(): boolean {
    return this.#isReady
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /**
   * Starts the first process. From then on a process that dies is followed by another.
   *
   * @returns the ports it listens on
   * @throws {ListenError} or why else it cannot start
   */
  async start(ports: WorkerPorts): Promise<WorkerPorts> {
    this.#ports = await this.#launch(ports)
    return this.#ports
  }

  /** @returns undefined where it does not answer in time */
  measure(): Promise<MetricSnapshot | undefined> {
    const request = ++this.#lastRequest
    if (!this.#isReady) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const done = (snapshot?: MetricSnapshot): void => {
        timer.cancel()
        this.#waiting.delete(request)
        resolve(snapshot)
      }
      const timer = this.#options.clock.after(MEASURE_MS, () => done())
      this.#waiting.set(request, done)
      this.#send({ type: 'measure', request })
    })
  }

  /** Lets the process drain for up to `drainMs`; `now` ends it at once. Never rejects. */
  async close({ drainMs, now }: { drainMs: number; now: boolean }): Promise<void> {
    this.#stop.abort()
    if (now) this.#process?.kill('SIGKILL')
    else this.#send({ type: 'close', now: false })
    const kill = (): void => void this.#process?.kill('SIGKILL')
    const timer = this.#options.clock.after(drainMs + CLOSE_SLACK_MS, kill)
    await this.#exited
    timer.cancel()
  }

  async #launch(ports: WorkerPorts): Promise<WorkerPorts> {
    const { clock, spawn } = this.#options
    const process = spawn()
    this.#process = process
    this.#startedAt = clock.now()
    const ended = Promise.withResolvers<void>()
    this.#exited = ended.promise
    const ready = Promise.withResolvers<WorkerPorts>()
    const timer = clock.after(READY_MS, () => {
      ready.reject(new Error(`Cannot start an edge worker: not ready within ${READY_MS} ms`))
      process.kill('SIGKILL')
    })
    process.on('message', (value) => this.#hear(parseWorkerMessage(value), ready))
    process.on('error', (error) => ready.reject(error))
    process.once('exit', (code, signal) => {
      ready.reject(new Error(`Cannot start an edge worker: it ended with ${signal ?? code}`))
      ended.resolve()
      this.#onExit(process, { code, signal })
    })
    this.#send({ type: 'start', ...ports })
    try {
      return await ready.promise
    } finally {
      timer.cancel()
    }
  }

  #hear(message: WorkerMessage | undefined, ready: PromiseWithResolvers<WorkerPorts>): void {
    switch (message?.type) {
      case 'ready':
        this.#isReady = true
        return ready.resolve({ https: message.https, http: message.http })
      case 'failed':
        return ready.reject(fromFailure(message.failure))
      case 'measured':
        return this.#waiting.get(message.request)?.(message.snapshot)
      case undefined:
        return
      default:
        return message satisfies never
    }
  }

  #onExit(process: ChildProcess, how: { code: number | null; signal: string | null }): void {
    const { logger, clock } = this.#options
    this.#isReady = false
    this.#process = undefined
    if (this.#stop.signal.aborted || !this.#ports) return
    this.#failures = clock.now() - this.#startedAt >= LIVED_MS ? 1 : this.#failures + 1
    logger.error({ pid: process.pid, ...how }, 'an edge worker died and is started anew')
    void this.#restart(this.#ports)
  }

  /** A failed launch ends with the process's exit, which leads here again. */
  async #restart(ports: WorkerPorts): Promise<void> {
    const { clock, random, logger, restarts } = this.#options
    try {
      await clock.sleep(backoffMs(this.#failures, random.fraction(), RESTART), this.#stop.signal)
    } catch {
      return
    }
    restarts.value += 1
    try {
      await this.#launch(ports)
    } catch (error) {
      logger.error({ err: error }, 'cannot start an edge worker')
    }
  }

  #send(message: PrimaryMessage): void {
    const process = this.#process
    if (process?.connected) process.send(message, () => {})
  }
}
