import type { ListenAddress } from '#config/config.ts'
import type { Logger } from '#lib/log.ts'
import type { Metrics } from '#lib/metrics.ts'

import { parsePrimaryMessage, toFailure, type PrimaryMessage, type WorkerMessage } from './ipc.ts'
import type { Worker } from './worker.ts'

/** The process's end of the channel to its primary: what `process` is in a forked process. */
export interface PrimaryChannel {
  send?(message: unknown, callback?: (error: Error | null) => void): boolean
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

export interface WorkerProcessOptions {
  channel: PrimaryChannel
  /** Starts the worker on the ports that the primary tells. */
  start(addresses: { https: ListenAddress; http: ListenAddress }): Promise<Worker>
  metrics: Metrics
  logger: Logger
  /** Ends the process. */
  exit(code: number): void
}

/**
 * Runs a worker as the primary asks. When the primary is gone, however it ended, the worker stops
 * accepting at once, so that a new installation finds the ports free, and drains.
 */
export function runWorkerProcess(options: WorkerProcessOptions): void {
  const process = new WorkerProcess(options)
  options.channel.on('message', (value) => {
    const message = parsePrimaryMessage(value)
    if (message) void process.obey(message)
  })
  options.channel.on('disconnect', () => void process.close(false))
}

class WorkerProcess {
  readonly #options: WorkerProcessOptions
  #starting: Promise<Worker | undefined> | undefined

  constructor(options: WorkerProcessOptions) {
    this.#options = options
  }

  async obey(message: PrimaryMessage): Promise<void> {
    switch (message.type) {
      case 'start':
        this.#starting ??= this.#start(message)
        return
      case 'measure':
        return this.#measure(message.request)
      case 'close':
        return this.close(message.now)
      default:
        return message satisfies never
    }
  }

  async close(now: boolean): Promise<void> {
    const { exit, logger } = this.#options
    try {
      const worker = await this.#starting
      await worker?.close({ now })
      exit(0)
    } catch (error) {
      logger.error({ err: error }, 'cannot close the worker')
      exit(1)
    }
  }

  async #start(addresses: {
    https: ListenAddress
    http: ListenAddress
  }): Promise<Worker | undefined> {
    const { exit, logger, start } = this.#options
    try {
      const worker = await start({ https: addresses.https, http: addresses.http })
      const { edgeId, https, http } = worker
      await this.#send({ type: 'ready', edgeId, https, http })
      return worker
    } catch (error) {
      logger.debug({ err: error }, 'cannot start the worker')
      await this.#send({ type: 'failed', failure: toFailure(error) })
      exit(1)
      return undefined
    }
  }

  async #measure(request: number): Promise<void> {
    const snapshot = await this.#options.metrics.snapshot()
    await this.#send({ type: 'measured', request, snapshot })
  }

  /** A primary that is gone hears nothing; the channel's end says so by itself. */
  #send(message: WorkerMessage): Promise<void> {
    const { channel } = this.#options
    return new Promise((resolve) => {
      if (!channel.send) return resolve()
      channel.send(message, () => resolve())
    })
  }
}
