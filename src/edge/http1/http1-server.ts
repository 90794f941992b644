import type { Duplex } from 'node:stream'

import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'

import type { Connection, ProtocolServer } from '../connection.ts'
import type { ExchangeListener } from '../exchange.ts'
import type { HttpLimits } from '../http-limits.ts'
import { Sweeper } from '../sweeper.ts'
import { Http1Connection, type Http1Host, type Refusal } from './http1-connection.ts'

export interface Http1ServerDeps {
  /** Takes each exchange. */
  handle: ExchangeListener
  clock: Clock
  random: Random
  limits: HttpLimits
  /** Hears of requests, and connections, that were refused before there was an exchange. */
  onRefused?: (refusal: Refusal) => void
}

/** Connections that are looked at for one that waits: those before it answer, which is rare. */
const MAX_LOOKED = 1_000

/** HTTP/1.0 and 1.1 on connections that somebody else accepted; never listens by itself. */
export function createHttp1Server(deps: Http1ServerDeps): ProtocolServer {
  return new Http1Server(deps)
}

class Http1Server implements ProtocolServer, Http1Host {
  readonly handle: ExchangeListener
  readonly limits: HttpLimits
  readonly sweeper: Sweeper
  readonly #random: Random
  readonly #onRefused: Http1ServerDeps['onRefused']
  /** The one that has waited for a request for longest comes first among those that wait. */
  readonly #connections = new Set<Http1Connection>()
  #drained: Promise<void> | undefined
  #onEmpty: (() => void) | undefined
  #dateText = ''
  #dateSecond = -1

  constructor(deps: Http1ServerDeps) {
    this.handle = deps.handle
    this.limits = deps.limits
    this.#random = deps.random
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
    if (this.#connections.size >= this.limits.maxConnections && !this.#makeRoom()) {
      return void socket.destroy()
    }
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

  requestId(): string {
    return this.#random.uuid()
  }

  onRefused(refusal: Refusal): void {
    this.#onRefused?.(refusal)
  }

  onWaiting(connection: Http1Connection): void {
    this.#connections.delete(connection)
    this.#connections.add(connection)
  }

  onClosed(connection: Http1Connection): void {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  /** A flood of silent connections must not keep those out that have something to ask. */
  #makeRoom(): boolean {
    let looked = 0
    for (const held of this.#connections) {
      if (held.giveWay()) {
        this.#connections.delete(held)
        return true
      }
      if (++looked === MAX_LOOKED) break
    }
    this.#onRefused?.({ kind: 'overloaded', status: undefined })
    return false
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
