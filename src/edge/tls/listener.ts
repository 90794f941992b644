import { createServer, type Server, type Socket } from 'node:net'

import type { ListenAddress } from '#config/config.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Cell } from '#lib/metrics.ts'

import type { BindingCache } from '../bindings.ts'
import type { ProtocolServer } from '../connection.ts'
import { listen } from '../listen.ts'
import type { Sightings } from '../sightings.ts'
import { Sweeper } from '../sweeper.ts'
import type { Challenges } from './challenges.ts'
import type { HandshakeMetrics } from './handshake-metrics.ts'
import { Handshake, type HandshakeEnvironment, type HandshakeLimits } from './handshake.ts'

export interface TlsListenerOptions {
  address: ListenAddress
  bindings: BindingCache
  challenges: Challenges
  http1: ProtocolServer
  http2: ProtocolServer
  clock: Clock
  logger: Logger
  metrics: HandshakeMetrics
  sightings: Sightings
  /** Connections that were not accepted because there were too many. */
  dropped: Cell
  /** Served to clients that send no server name or an unknown one. */
  defaultHostname: Hostname | undefined
  limits?: Partial<TlsLimits>
}

export interface TlsLimits extends HandshakeLimits {
  /** Handshakes under way; when one more begins, the oldest is dropped. @default 4_096 */
  halfOpen: number
  /** Connections of the port in this process; more are closed at once. @default 65_536 */
  connections: number
}

const DEFAULT_LIMITS: Readonly<TlsLimits> = {
  helloMs: 5_000,
  handshakeMs: 10_000,
  lingerMs: 1_000,
  halfOpen: 4_096,
  connections: 65_536,
}

/** The TLS port of one worker: accepts, shakes hands, hands over. */
export class TlsListener {
  readonly #server: Server
  readonly #sweeper: Sweeper
  readonly #halfOpen = new Set<Handshake>()
  readonly #environment: HandshakeEnvironment
  #address: ListenAddress
  #onIdle: (() => void) | undefined

  /** @throws {ListenError} */
  static async start(options: TlsListenerOptions): Promise<TlsListener> {
    const listener = new TlsListener(options)
    await listener.#listen()
    return listener
  }

  private constructor(options: TlsListenerOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits }
    const { address, dropped, logger, clock, ...shared } = options
    this.#address = address
    this.#sweeper = new Sweeper(clock)
    this.#environment = {
      ...shared,
      logger,
      limits,
      sweeper: this.#sweeper,
      localPort: address.port,
      onEnd: (handshake) => this.#remove(handshake),
    }
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket, limits))
    this.#server.maxConnections = limits.connections
    this.#server.on('drop', () => (dropped.value += 1))
    this.#server.on('error', (error) => logger.warn({ err: error }, 'cannot accept connections'))
  }

  /** With the port that was picked where 0 was asked. */
  get address(): ListenAddress {
    return this.#address
  }

  /** Handshakes under way, refused clients that have not closed yet included. */
  get halfOpen(): number {
    return this.#halfOpen.size
  }

  /**
   * Stops accepting, lets handshakes under way come to their end, and ends those that are left when
   * `signal` aborts. Connections that were handed over are their rooms' to close.
   */
  async close(signal: AbortSignal): Promise<void> {
    this.#server.close()
    const endAll = (): void => {
      for (const handshake of this.#halfOpen) handshake.destroy()
    }
    signal.addEventListener('abort', endAll, { once: true })
    if (signal.aborted) endAll()
    if (this.#halfOpen.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    signal.removeEventListener('abort', endAll)
    this.#sweeper.close()
  }

  async #listen(): Promise<void> {
    this.#address = await listen(this.#server, this.#address, { reusePort: true })
    this.#environment.localPort = this.#address.port
  }

  /** A flood of silent clients takes the place of the longest silent, not of those who come. */
  #accept(socket: Socket, limits: TlsLimits): void {
    if (this.#halfOpen.size >= limits.halfOpen) {
      const [oldest] = this.#halfOpen
      oldest?.crowdOut()
    }
    this.#halfOpen.add(new Handshake(socket, this.#environment))
  }

  #remove(handshake: Handshake): void {
    this.#halfOpen.delete(handshake)
    if (this.#halfOpen.size === 0) this.#onIdle?.()
  }
}
