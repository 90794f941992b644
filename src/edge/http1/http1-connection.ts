import type { Duplex } from 'node:stream'

import { AuthorityReader } from '../authority.ts'
import type { Connection } from '../connection.ts'
import { toProxyError, type ProxyError, type ProxyErrorKind } from '../error.ts'
import type { ExchangeListener, RawHeaders } from '../exchange.ts'
import type { HttpLimits } from '../http-limits.ts'
import { renderErrorResponse } from '../proxy/error-response.ts'
import type { Sweeper, Timed } from '../sweeper.ts'
import { endToEndTrailers } from '../trailers.ts'
import { Http1Exchange, type Http1Owner } from './http1-exchange.ts'
import { renderHead } from './render-head.ts'
import { readRequestHead, type Http1HeadRules, type RawRequestHead } from './request-head.ts'
import { RequestParser, type RequestSink } from './request-parser.ts'

/** What all connections of a server share. */
export interface Http1Host {
  readonly handle: ExchangeListener
  readonly limits: HttpLimits
  readonly sweeper: Sweeper
  readonly isDraining: boolean
  /** Now, as Date says it. */
  dateText(): string
  /** For an answer to what has no id of its own. */
  requestId(): string
  onRefused(refusal: Refusal): void
  /** It waits for a request again. */
  onWaiting(connection: Http1Connection): void
  onClosed(connection: Http1Connection): void
}

export interface Refusal {
  kind: ProxyErrorKind
  /** Of the answer; undefined where there was none. */
  status: number | undefined
}

/**
 * The life of a connection:
 *
 *   head ──▶ answer ──▶ linger ──▶ head …       `linger` only while the answered request's body still comes
 *              └──▶ close, from any of them: we have said our last, the client may still be sending
 */
type Stage = 'head' | 'answer' | 'linger' | 'close'

/**
 * One connection: its requests are answered one at a time, in order. What a client sends ahead is not
 * read: of one read at most, it waits here, and the rest where it costs only the client.
 */
export class Http1Connection implements Http1Owner, RequestSink, Timed {
  readonly socket: Duplex
  readonly connection: Connection
  deadline: number
  readonly #host: Http1Host
  readonly #rules: Http1HeadRules
  readonly #parser: RequestParser
  #stage: Stage = 'head'
  #exchange: Http1Exchange | undefined
  /** Read in this turn, to be handled. */
  #fresh: Http1Exchange | undefined
  /** Bytes that came and cannot be read yet. */
  #ahead: Buffer | undefined
  #isReading = false
  #isPaused = false
  #isBroken = false
  #anyReceived = false
  /** The deadline is that of a head on its way. */
  #isHeadTimed = true
  #served = 0
  /** Bytes taken only to be thrown away. */
  #discarded = 0

  constructor(socket: Duplex, connection: Connection, host: Http1Host) {
    const { limits, sweeper } = host
    this.socket = socket
    this.connection = connection
    this.#host = host
    this.#rules = {
      connection,
      maxRequestHeaders: limits.maxRequestHeaders,
      authorities: new AuthorityReader(),
    }
    this.#parser = new RequestParser(this, limits.maxRequestHeadBytes)
    this.deadline = sweeper.now() + limits.requestHeadMs
    sweeper.add(this)
    this.#listen()
  }

  get isDraining(): boolean {
    return this.#host.isDraining
  }

  dateText(): string {
    return this.#host.dateText()
  }

  /** Idle: closed. Fresh: the request on its way is still served, if it comes soon. */
  drain(): void {
    if (this.#stage !== 'head') return
    if (this.#served > 0 && !this.#parser.hasPartialHead) return this.#end()
    if (!this.#anyReceived) this.#setDeadline(this.#host.limits.drainFreshMs)
  }

  /** Closes where it only waits for a request. @returns whether it did */
  giveWay(): boolean {
    if (this.#stage !== 'head') return false
    this.#host.onRefused({ kind: 'overloaded', status: undefined })
    this.socket.destroy()
    return true
  }

  onDeadline(): void {
    if (this.#stage !== 'head') return void this.socket.destroy()
    if (this.#parser.hasPartialHead) return this.#refuse('header_timeout')
    // Nobody asked: a 408 out of the blue confuses clients that keep spare connections.
    if (!this.#anyReceived && !this.isDraining) {
      this.#host.onRefused({ kind: 'header_timeout', status: undefined })
    }
    this.socket.destroy()
  }

  // What the parser says.

  onHead(raw: RawRequestHead): number {
    const head = readRequestHead(raw, this.#rules)
    this.#stage = 'answer'
    this.deadline = Infinity
    this.#isHeadTimed = false
    this.#served++
    this.#exchange = this.#fresh = new Http1Exchange(raw, head, this)
    return head.bodyLength
  }

  onBody(piece: Buffer): void {
    if (this.#stage === 'answer') this.#exchange?.deliver(piece)
  }

  onComplete(trailers: RawHeaders): void {
    if (this.#stage === 'linger') this.#awaitHead()
    else this.#exchange?.complete(endToEndTrailers(trailers))
  }

  // What the exchange says.

  onAppetite(): void {
    this.#read()
  }

  onAnswered(exchange: Http1Exchange): void {
    if (this.#exchange !== exchange || this.#stage !== 'answer') return
    this.#exchange = undefined
    if (exchange.endsConnection) return this.#closeGently(exchange)
    if (exchange.isRequestComplete) this.#awaitHead()
    else this.#linger()
    this.#read()
  }

  #listen(): void {
    const { socket } = this
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('drain', () => this.#exchange?.onDrain())
    socket.on('error', () => {}) // 'close' follows
    socket.once('end', () => this.#onEnd())
    socket.once('close', () => this.#onClose())
  }

  #onData(chunk: Buffer): void {
    this.#anyReceived = true
    if (this.#stage === 'linger' || this.#stage === 'close') {
      this.#discarded += chunk.length
      if (this.#discarded > this.#host.limits.lingerBytes) return void this.socket.destroy()
    }
    this.#ahead = this.#ahead ? Buffer.concat([this.#ahead, chunk]) : chunk
    this.#read()
  }

  /** The client sends no more; what it asked for may still be under way. */
  #onEnd(): void {
    const exchange = this.#exchange
    if (exchange?.isTunnel) exchange.complete([])
    // What was answered is still sent; an answer on its way has nobody who would wait for it.
    else if (exchange && !exchange.isEnded) this.socket.destroy()
  }

  #onClose(): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#ahead = undefined
    this.#stage = 'close'
    this.#host.sweeper.delete(this)
    exchange?.onSocketClose()
    this.#host.onClosed(this)
  }

  /** Reads as far as what came may be read now, and stops the socket where something is left. */
  #read(): void {
    if (this.#isReading) return
    this.#isReading = true
    try {
      while (this.#ahead !== undefined && this.#mayRead()) this.#readOn(this.#ahead)
    } catch (error) {
      this.#onBroken(toProxyError(error))
    }
    this.#isReading = false
    this.#regulate()
  }

  #readOn(bytes: Buffer): void {
    this.#ahead = undefined
    if (this.#stage === 'close' || this.#isBroken) return
    if (this.#exchange?.isTunnel) return this.#exchange.deliver(bytes)
    const next = this.#parser.step(bytes, 0)
    if (next < bytes.length) this.#ahead = bytes.subarray(next)
    const fresh = this.#fresh
    this.#fresh = undefined
    if (fresh) this.#host.handle(fresh)
  }

  #mayRead(): boolean {
    const exchange = this.#exchange
    if (this.#stage !== 'answer' || this.#isBroken || exchange === undefined) return true
    return exchange.isHungry && (exchange.isTunnel || !exchange.isRequestComplete)
  }

  #regulate(): void {
    const mustPause = this.#ahead !== undefined
    if (mustPause !== this.#isPaused) {
      this.#isPaused = mustPause
      if (mustPause) this.socket.pause()
      else this.socket.resume()
    }
    if (this.#stage !== 'head' || this.#isHeadTimed || !this.#parser.hasPartialHead) return
    this.#isHeadTimed = true
    this.#setDeadline(this.#host.limits.requestHeadMs)
  }

  #onBroken(error: ProxyError): void {
    this.#isBroken = true
    this.#ahead = undefined
    if (this.#stage === 'head') this.#refuse(error.kind)
    else if (this.#stage === 'answer') this.#exchange?.fail(error)
    else this.socket.destroy()
  }

  /** Answers what never became an exchange, and closes. */
  #refuse(kind: ProxyErrorKind): void {
    const { head, body } = renderErrorResponse(kind, { requestId: this.#host.requestId() })
    this.#host.onRefused({ kind, status: head.status })
    const { headers } = head
    headers.push('Content-Length', String(body.length), 'Date', this.dateText())
    headers.push('Connection', 'close')
    this.socket.write(renderHead(head) + body.toString('latin1'), 'latin1')
    this.#closeGently()
  }

  #awaitHead(): void {
    const { limits } = this.#host
    this.#stage = 'head'
    if (this.isDraining && this.#ahead === undefined) return this.#end()
    this.#isHeadTimed = false
    this.#host.onWaiting(this)
    this.#setDeadline(limits.keepAliveMs)
  }

  /**
   * The client is answered, but goes on sending its body: it may finish within bounds, and is cut off
   * beyond.
   */
  #linger(): void {
    this.#stage = 'linger'
    this.#setDeadline(this.#host.limits.lingerMs)
  }

  /**
   * Ends our side. Where more may be coming it is still taken for a while: a reset would take from the
   * client what we said last (RFC 9112 section 9.6).
   */
  #closeGently(exchange?: Http1Exchange): void {
    if (exchange?.isRequestComplete && this.#ahead === undefined && !this.#isBroken)
      return this.#end()
    this.#stage = 'close'
    this.#setDeadline(this.#host.limits.lingerMs)
    this.socket.end()
    this.#read()
  }

  #end(): void {
    this.#stage = 'close'
    this.#setDeadline(this.#host.limits.lingerMs)
    this.socket.end(() => this.socket.destroy())
  }

  #setDeadline(ms: number): void {
    this.deadline = this.#host.sweeper.now() + ms
  }
}
