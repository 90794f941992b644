import { createServer, type Server, type Socket } from 'node:net'

import type { Clock } from '#lib/clock.ts'
import type { ListenAddress } from '#lib/listen-address.ts'
import { toListenError } from '#lib/listen-error.ts'
import type { Logger } from '#lib/log.ts'

import type { DnsMetrics } from './dns-metrics.ts'
import type { Handler } from './handler.ts'
import { prefixOf } from './source-prefix.ts'
import { TcpConnection, type TcpConnectionLimits } from './tcp-connection.ts'

export interface TcpListenerOptions {
  address: ListenAddress
  handle: Handler
  clock: Clock
  metrics: DnsMetrics
  log: Logger
  limits?: Partial<TcpLimits>
}

export interface TcpLimits extends TcpConnectionLimits {
  /** For one more, the one that was quiet longest is closed. @default 512 */
  connections: number
  /** From one /24 or /56; one more is closed at once. @default 64 */
  connectionsPerPrefix: number
}

const DEFAULT_LIMITS: Readonly<TcpLimits> = {
  connections: 512,
  connectionsPerPrefix: 64,
  idleMs: 10_000,
  messageBytes: 4_096,
  inFlight: 32,
}

/** DNS over TCP at one address. */
export class TcpListener {
  readonly #options: TcpListenerOptions
  readonly #limits: TcpLimits
  readonly #server: Server
  /** The one that asked last comes last. */
  readonly #connections = new Set<TcpConnection>()
  readonly #byPrefix = new Map<string, number>()
  #port = 0

  /** @throws {ListenError} */
  static async start(options: TcpListenerOptions): Promise<TcpListener> {
    const listener = new TcpListener(options)
    await listener.#listen(options.address)
    return listener
  }

  private constructor(options: TcpListenerOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (s) => this.#accept(s))
    this.#server.on('error', (error) => options.log.warn({ err: error }, 'DNS over TCP failed'))
  }

  /** The one that was picked where 0 was asked. */
  get port(): number {
    return this.#port
  }

  /** Stops accepting; connections end with the answers that are under way. Idempotent. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const connection of this.#connections) {
      if (connection.isIdle) connection.destroy()
      else connection.finish()
    }
    await closed
  }

  #listen(address: ListenAddress): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onError = (error: Error): void => reject(toListenError(error, address))
    this.#server.once('error', onError)
    this.#server.listen({ ...address, exclusive: true }, () => {
      this.#server.removeListener('error', onError)
      const bound = this.#server.address()
      this.#port = typeof bound === 'object' && bound !== null ? bound.port : address.port
      resolve()
    })
    return promise
  }

  #accept(socket: Socket): void {
    const { metrics, handle, clock, log } = this.#options
    const prefix = prefixOf(socket.remoteAddress ?? '')
    const count = this.#byPrefix.get(prefix) ?? 0
    if (count >= this.#limits.connectionsPerPrefix) {
      metrics.tcpRefused.value += 1
      socket.destroy()
      return
    }
    if (this.#connections.size >= this.#limits.connections) this.#makeRoom()
    metrics.tcpAccepted.value += 1
    this.#byPrefix.set(prefix, count + 1)
    const connection: TcpConnection = new TcpConnection({
      socket,
      handle,
      clock,
      limits: this.#limits,
      onQuery: () => this.#moveToEnd(connection),
      onFailure: (error) => log.error({ err: error }, 'DNS query was not answered'),
    })
    this.#connections.add(connection)
    socket.once('close', () => this.#remove(connection, prefix))
  }

  /** A flood of silent clients takes the place of the longest silent, not of those who come. */
  #makeRoom(): void {
    const [quietest] = this.#connections
    if (!quietest) return
    this.#options.metrics.tcpCrowdedOut.value += 1
    this.#connections.delete(quietest)
    quietest.destroy()
  }

  #moveToEnd(connection: TcpConnection): void {
    if (this.#connections.delete(connection)) this.#connections.add(connection)
  }

  #remove(connection: TcpConnection, prefix: string): void {
    this.#connections.delete(connection)
    const left = (this.#byPrefix.get(prefix) ?? 1) - 1
    if (left > 0) this.#byPrefix.set(prefix, left)
    else this.#byPrefix.delete(prefix)
  }
}
