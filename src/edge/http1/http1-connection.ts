import type { Duplex } from 'node:stream'

import type { Connection } from '../connection.ts'
import type { ProxyError } from '../error.ts'
import type { ExchangeListener } from '../exchange.ts'
import type { HttpLimits } from '../http-limits.ts'
import type { Sweeper, Timed } from '../sweeper.ts'
import type { Http1Exchange, Http1Owner } from './http1-exchange.ts'

/** What all connections of a server share. */
export interface Http1Host {
  readonly handle: ExchangeListener
  readonly limits: HttpLimits
  readonly sweeper: Sweeper
  readonly isDraining: boolean
}

/**
 * One connection: its exchanges run one at a time, in order, whatever a client sends ahead
 * (pipelining): the origin's answers could not be sent down out of order anyway.
 */
export class Http1Connection implements Http1Owner, Timed {
  readonly socket: Duplex & { bytesRead?: number }
  readonly connection: Connection
  deadline = Infinity
  isRefused = false
  readonly #host: Http1Host
  readonly #waiting: Http1Exchange[] = []
  readonly #bytesAtStart: number
  #running: Http1Exchange | undefined
  #isTunnel = false
  #isEnding = false
  #served = 0

  constructor(socket: Duplex, connection: Connection, host: Http1Host) {
    this.socket = socket
    this.connection = connection
    this.#host = host
    this.#bytesAtStart = this.socket.bytesRead ?? 0
  }

  get isDraining(): boolean {
    return this.#host.isDraining
  }

  get isIdle(): boolean {
    return this.#running === undefined && !this.#isTunnel
  }

  /** Not one byte came since it was accepted. */
  get isSilent(): boolean {
    return this.#served === 0 && (this.socket.bytesRead ?? 0) === this.#bytesAtStart
  }

  take(exchange: Http1Exchange): void {
    if (this.#isEnding) return
    if (this.isIdle) return this.#start(exchange)
    this.#waiting.push(exchange)
    if (this.#waiting.length > this.#host.limits.maxPipelined) this.socket.destroy()
  }

  becomeTunnel(): void {
    this.#isTunnel = true
    this.#stopWatch()
  }

  /** What comes on the connection is broken. */
  fail(error: ProxyError): void {
    const running = this.#running
    if (running && !running.isRequestComplete) running.fail(error)
    // The broken request is one behind: what runs is cut off with it, as it may be part of an attack.
    else this.socket.destroy()
  }

  onExchangeClosed(exchange: Http1Exchange): void {
    if (this.#running !== exchange) return
    this.#running = undefined
    if (exchange.endsConnection) {
      this.#isEnding = true
      this.#waiting.length = 0
    }
    if (this.socket.destroyed) return
    if (!exchange.isRequestComplete) this.#linger(exchange)
    const next = this.#waiting.shift()
    if (next) this.#start(next)
    else if (this.isDraining) this.#close()
  }

  /** Idle: closed. Fresh: the request on its way is still served, if it comes soon. */
  drain(): void {
    if (!this.isIdle) return
    if (this.#served > 0) return this.#close()
    this.#watch(this.#host.limits.drainFreshMs)
  }

  onDeadline(): void {
    this.#stopWatch()
    if (this.isIdle) this.socket.destroy()
  }

  onSocketClose(): void {
    this.#stopWatch()
    this.#waiting.length = 0
  }

  #start(exchange: Http1Exchange): void {
    this.#stopWatch()
    this.#running = exchange
    this.#served++
    this.#host.handle(exchange)
  }

  /**
   * The client is answered, but goes on sending its body: it may finish within bounds, so that it gets
   * to read the answer (a reset would take it away), and is cut off beyond.
   */
  #linger(exchange: Http1Exchange): void {
    const { lingerMs, lingerBytes } = this.#host.limits
    const limit = exchange.bytesIn + lingerBytes
    this.#watch(lingerMs)
    const onBytes = (total: number): void => {
      if (total > limit) this.socket.destroy()
    }
    exchange.linger(onBytes, () => this.#stopWatch())
  }

  #close(): void {
    this.socket.end(() => this.socket.destroy())
  }

  #watch(ms: number): void {
    this.deadline = this.#host.sweeper.now() + ms
    this.#host.sweeper.add(this)
  }

  #stopWatch(): void {
    if (this.deadline === Infinity) return
    this.deadline = Infinity
    this.#host.sweeper.delete(this)
  }
}
