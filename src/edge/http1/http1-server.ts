import type { Duplex } from 'node:stream'

import type { Clock } from '#lib/clock.ts'

import type { Connection, ProtocolServer } from '../connection.ts'
import type { ProxyErrorKind } from '../error.ts'
import type { ExchangeListener } from '../exchange.ts'
import type { HttpLimits } from '../http-limits.ts'
import { Sweeper } from '../sweeper.ts'
import { Http1Connection, type Http1Host } from './http1-connection.ts'

export interface Http1ServerDeps {
  /** Takes each exchange. */
  handle: ExchangeListener
  clock: Clock
  limits: HttpLimits
  /** Hears of requests that were refused before they became an exchange. */
  onRefused?: (kind: ProxyErrorKind, connection: Connection) => void
}

/** HTTP/1.0 and 1.1 on connections that somebody else accepted; never listens by itself. */
export function createHttp1Server(deps: Http1ServerDeps): ProtocolServer {
  return new Http1Server(deps)
}

class Http1Server implements ProtocolServer, Http1Host {
  readonly handle: ExchangeListener
  readonly limits: HttpLimits
  readonly sweeper: Sweeper
  readonly #onRefused: Http1ServerDeps['onRefused']
  readonly #connections = new Set<Http1Connection>()
  #drained: Promise<void> | undefined
  #onEmpty: (() => void) | undefined
  #dateText = ''
  #dateSecond = -1

  constructor(deps: Http1ServerDeps) {
    this.handle = deps.handle
    this.limits = deps.limits
    this.#onRefused = deps.onRefused
    this.sweeper = new Sweeper(deps.clock, deps.limits.sweepMs)
  }

  get openConnections(): number {
    return this.#connections.size
  }

  get isDraining(): boolean {
    return this.#drained !== undefined
  }

  accept(socket: Duplex, connection: Connection): void {
    if (socket.destroyed) return
    const held = new Http1Connection(socket, connection, this)
    this.#connections.add(held)
    if (this.isDraining) held.drain()
  }

  drain(signal: AbortSignal): Promise<void> {
    this.#drained ??= this.#drain(signal)
    return this.#drained
  }

  dateText(): string {
    const second = Math.floor(this.sweeper.now() / 1000)
    if (second !== this.#dateSecond) {
      this.#dateSecond = second
      this.#dateText = new Date(second * 1000).toUTCString()
    }
    return this.#dateText
  }

  onRefused(kind: ProxyErrorKind, connection: Connection): void {
    this.#onRefused?.(kind, connection)
  }

  onClosed(connection: Http1Connection): void {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  async #drain(signal: AbortSignal): Promise<void> {
    for (const held of this.#connections) held.drain()
    await this.#empty(signal)
    this.sweeper.close()
  }

  #empty(signal: AbortSignal): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onEmpty = resolve
      const endAll = (): void => {
        for (const { socket } of this.#connections) socket.destroy()
      }
      if (signal.aborted) endAll()
      else signal.addEventListener('abort', endAll, { once: true })
    })
  }
}
