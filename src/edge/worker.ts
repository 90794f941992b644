import type { Config, ListenAddress } from '#config/config.ts'
import type { ChangeBatch, EdgeDirectory } from '#directory/directory.ts'
import { normaliseServerName } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Metrics } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'
import type { Sealer } from '#lib/sealing.ts'

import { BindingCache } from './bindings.ts'
import type { BindingLookup, ProtocolServer } from './connection.ts'
import { createEdgeMetrics, registerEdgeGauges, type EdgeMetrics } from './edge-metrics.ts'
import type { ExchangeListener } from './exchange.ts'
import { Follower } from './follower.ts'
import { PlainListener } from './plain/plain-listener.ts'
import { createPlainRules } from './plain/plain-rules.ts'
import type { AnswerRecorder } from './proxy/answer-recorder.ts'
import { Sightings } from './sightings.ts'
import { Challenges } from './tls/challenges.ts'
import { createTlsContexts } from './tls/context.ts'
import { TlsListener } from './tls/listener.ts'
import { TicketKeys } from './tls/ticket-keys.ts'

export interface WorkerOptions {
  config: Pick<Config, 'edge' | 'edgeHttps' | 'edgeHttp'>
  /** Shown in heartbeats. */
  version: string
  /** The worker closes it. */
  directory: EdgeDirectory
  sealer: Pick<Sealer, 'open'>
  clock: Clock
  random: Random
  logger: Logger
  metrics: Metrics
  /** Builds the HTTP side. */
  createProtocols(parts: ProtocolParts): Protocols
  /** Port of HTTPS as clients reach it, for redirects. @default the port listened on */
  publicHttpsPort?: number | undefined
}

/** What the HTTP side is built with. */
export interface ProtocolParts {
  bindings: BindingLookup
  /**
   * Puts port 80's rules before the proxy: both rooms hand their exchanges to the result.
   *
   * @param record hears of what the rules answered by themselves
   */
  withPlainRules(next: ExchangeListener, record: AnswerRecorder): ExchangeListener
}

export interface Protocols {
  http1: ProtocolServer
  http2: ProtocolServer
  /** Closes what the rooms used, after they were drained: upstream connections. */
  close(): Promise<void>
}

/** One process of the data plane. */
export interface Worker extends AsyncDisposable {
  readonly edgeId: string
  /** With the ports that were picked where 0 was asked. */
  readonly https: ListenAddress
  readonly http: ListenAddress
  /**
   * Stops accepting, lets handshakes and exchanges end for up to `config.edge.drainMs`, ends the rest,
   * signs off and closes the directory. With `now` it waits for nobody, also when a patient close is
   * under way. Idempotent.
   */
  close(options?: { now?: boolean }): Promise<void>
}

/** How long the directory may take to tell the ticket keys before we listen without them. */
const TICKET_KEYS_MS = 1_000
/** How long clients that connected before the end may take for their handshake. */
const LAST_HANDSHAKES_MS = 2_000

/**
 * Starts one worker: it follows the directory and serves on both ports.
 *
 * @throws {ListenError}
 */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const worker = new EdgeWorker(options)
  try {
    await worker.start()
    return worker
  } catch (error) {
    await worker.close({ now: true })
    throw error
  }
}

class EdgeWorker implements Worker {
  readonly edgeId: string
  readonly #options: WorkerOptions
  readonly #metrics: EdgeMetrics
  readonly #sightings: Sightings
  readonly #ticketKeys: TicketKeys
  readonly #bindings: BindingCache
  readonly #protocols: Protocols
  readonly #follower: Follower
  readonly #hurry = new AbortController()
  #tls: TlsListener | undefined
  #plain: PlainListener | undefined
  #closed: Promise<void> | undefined

  constructor(options: WorkerOptions) {
    const { config, directory, clock, logger, version } = options
    this.#options = options
    this.edgeId = options.random.uuid()
    this.#metrics = createEdgeMetrics(options.metrics)
    this.#sightings = new Sightings({ clock, dropped: this.#metrics.droppedSightings })
    this.#ticketKeys = new TicketKeys(options)
    this.#bindings = new BindingCache({
      directory,
      contexts: createTlsContexts({ ...options, ticketKeys: this.#ticketKeys }),
      clock,
      lookups: this.#metrics.lookups,
      cacheBytes: config.edge.cacheBytes,
    })
    this.#protocols = options.createProtocols({
      bindings: this.#bindings,
      withPlainRules: (next, record) => this.#withPlainRules(next, record),
    })
    this.#follower = new Follower({
      edgeId: this.edgeId,
      version,
      directory,
      clock,
      logger,
      onBatch: (batch) => this.#onBatch(batch),
      sightings: () => this.#sightings.recent(),
      onBeat: () => void this.#ticketKeys.refresh(),
    })
    this.#registerGauges()
  }

  get https(): ListenAddress {
    return this.#tls?.address ?? this.#options.config.edgeHttps
  }

  get http(): ListenAddress {
    return this.#plain?.address ?? this.#options.config.edgeHttp
  }

  async start(): Promise<void> {
    const { config, clock, logger } = this.#options
    const { http1, http2 } = this.#protocols
    this.#follower.start()
    await this.#readTicketKeys()
    this.#tls = await TlsListener.start({
      address: config.edgeHttps,
      bindings: this.#bindings,
      challenges: new Challenges({ ...this.#options, bindings: this.#bindings }),
      http1,
      http2,
      clock,
      logger,
      metrics: this.#metrics.handshakes,
      sightings: this.#sightings,
      dropped: this.#metrics.dropped.https,
      defaultHostname: normaliseServerName(config.edge.defaultHostname ?? ''),
    })
    const dropped = this.#metrics.dropped.http
    this.#plain = await PlainListener.start({ address: config.edgeHttp, http1, logger, dropped })
  }

  close({ now = false }: { now?: boolean } = {}): Promise<void> {
    if (now) this.#hurry.abort()
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { directory } = this.#options
    const { http1, http2 } = this.#protocols
    await using stack = new AsyncDisposableStack()
    stack.defer(() => directory.close())
    stack.defer(() => this.#follower.close())
    stack.defer(() => this.#protocols.close())
    const end = this.#deadline(this.#options.config.edge.drainMs, stack)
    this.#plain?.close()
    await this.#tls?.close(this.#deadline(LAST_HANDSHAKES_MS, stack))
    await Promise.all([http1.drain(end), http2.drain(end)])
  }

  #deadline(ms: number, stack: AsyncDisposableStack): AbortSignal {
    const end = new AbortController()
    const timer = this.#options.clock.after(ms, () => end.abort())
    stack.defer(() => timer.cancel())
    return AbortSignal.any([end.signal, this.#hurry.signal])
  }

  #onBatch(batch: ChangeBatch): void {
    // What was read before the directory said where "now" is may have changed unheard.
    const isFirst = this.#follower.applied === undefined
    if (isFirst) this.#bindings.distrust()
    this.#bindings.apply(batch)
    const hasKeys = batch.changes.some(({ kind }) => kind === 'ticket-keys')
    if (!isFirst && !batch.gap && !hasKeys) return
    this.#ticketKeys.markStale()
    void this.#ticketKeys.refresh()
  }

  async #readTicketKeys(): Promise<void> {
    const patience = new AbortController()
    await Promise.race([
      this.#ticketKeys.refresh(),
      this.#options.clock.sleep(TICKET_KEYS_MS, patience.signal).catch(() => {}),
    ])
    patience.abort()
  }

  #withPlainRules(next: ExchangeListener, record: AnswerRecorder): ExchangeListener {
    const { directory, clock, random, publicHttpsPort } = this.#options
    return createPlainRules({
      directory,
      bindings: this.#bindings,
      clock,
      random,
      answers: this.#metrics.plainAnswers,
      sightings: this.#sightings,
      record,
      httpsPort: () => publicHttpsPort ?? this.https.port,
      next,
    })
  }

  #registerGauges(): void {
    const { metrics, clock } = this.#options
    const gauges = {
      connections: () => ({
        handshake: this.#tls?.halfOpen ?? 0,
        'http/1.1': this.#protocols.http1.openConnections,
        h2: this.#protocols.http2.openConnections,
      }),
      bindings: () => this.#bindings.bindings(),
      cacheBytes: () => this.#bindings.bytes,
    }
    registerEdgeGauges(metrics, gauges, clock)
  }
}
