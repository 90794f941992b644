import { ProxyError, toProxyError, type ProxyErrorKind } from '../error.ts'
import type { Exchange, ExchangeHandler, RawHeaders } from '../exchange.ts'
import { endToEndTrailers } from '../trailers.ts'
import type { Timed } from '../sweeper.ts'
import type { OwnPiece } from '../upstream/read-buffer.ts'
import type { UpstreamHead } from '../upstream/response-head.ts'
import type { Target } from '../upstream/target.ts'
import type { ResponseHandler, UpstreamConnection } from '../upstream/upstream-connection.ts'
import type { Waiter } from '../upstream/upstream.ts'
import { renderErrorResponse } from './error-response.ts'
import type { ProxyContext } from './proxy-context.ts'
import {
  isLoop,
  readForwardedFields,
  renderRequestHead,
  type ForwardedFields,
} from './request-headers.ts'
import { requestIdOf } from './request-id.ts'
import { markResponse } from './response-headers.ts'
import { findRoute, type Route } from './route.ts'

/**
 * The life of a request. What an error may still do follows from the phase: before `receive` the
 * request may be sent again or answered by us; from `receive` on the client has the origin's head, and
 * the exchange can only be broken off; after `finish` nothing.
 *
 *   route ──▶ connect ──▶ send ──▶ receive ──▶ finish
 *               ▲           │ nothing came back,
 *               └───────────┘ and it may be repeated
 */
export type Phase = 'route' | 'connect' | 'send' | 'receive' | 'finish'

/** Methods that may be repeated by a proxy (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
const MAX_ATTEMPTS = 2

/** One request: its context, its phases, and what it hears from both sides. */
export class RequestFlow implements ExchangeHandler, ResponseHandler, Waiter, Timed {
  deadline = Infinity
  readonly #exchange: Exchange
  readonly #shared: ProxyContext
  readonly #startedAt: number
  readonly #fields: ForwardedFields
  readonly #requestId: string
  #phase: Phase = 'route'
  #target: Target | undefined
  #earlyHints = false
  #connection: UpstreamConnection | undefined
  #attempts = 0
  #status = 0
  #error: ProxyErrorKind | undefined
  #connectMs: number | undefined
  #headMs: number | undefined
  #reused = false
  /** Body bytes were taken from the client: the request cannot be repeated. */
  #bodyTaken = false
  #requestEnded: boolean
  #isTunnel = false
  /** Waits for the client to take bytes. */
  #clientBlocked = false
  /** Waits for the origin to take bytes. */
  #originBlocked = false

  constructor(exchange: Exchange, shared: ProxyContext) {
    this.#exchange = exchange
    this.#shared = shared
    this.#startedAt = shared.sweeper.now()
    this.#fields = readForwardedFields(exchange.headers)
    this.#requestId = requestIdOf(this.#fields.requestId, shared.random)
    this.#requestEnded = exchange.bodyLength === 0
  }

  start(): void {
    this.#shared.metrics.openRequests.value++
    this.#shared.sweeper.add(this)
    this.#exchange.open(this)
    try {
      this.#route()
    } catch (error) {
      this.#fail(error)
    }
  }

  // The phases.

  #route(): void {
    const { exchange, names } = { exchange: this.#exchange, names: this.#shared.names }
    if (exchange.problem) throw exchange.problem
    if (isLoop(this.#fields, names.loopId)) throw new ProxyError('loop', 'Request came back')
    if (exchange.bodyLength > this.#shared.limits.maxRequestBodyBytes) {
      throw new ProxyError('body_too_large', 'Content-Length over the limit')
    }
    const found = findRoute(exchange, this.#shared.bindings)
    if (!(found instanceof Promise)) return this.#follow(found)
    found.then((route) => this.#follow(route)).catch((error: unknown) => this.#fail(error))
  }

  #connect(fresh: boolean): void {
    if (this.#target === undefined) return
    this.#phase = 'connect'
    this.#attempts++
    this.#shared.upstream.acquire(this.#target, this, fresh)
  }

  #send(connection: UpstreamConnection): void {
    const exchange = this.#exchange
    this.#phase = 'send'
    this.#connection = connection
    this.#connectMs = this.#shared.sweeper.now() - this.#startedAt
    this.#reused = connection.requests > 0
    const head = renderRequestHead(exchange, {
      fields: this.#fields,
      names: this.#shared.names,
      requestId: this.#requestId,
    })
    const body = this.#requestEnded ? 'none' : exchange.bodyLength < 0 ? 'chunked' : 'counted'
    const { method, wantsWebSocket } = exchange
    connection.send({ head, method, body, wantsUpgrade: wantsWebSocket }, this)
    if (this.#requestEnded) return
    exchange.read()
    this.#watch()
  }

  #receive(head: UpstreamHead): void {
    const exchange = this.#exchange
    this.#headMs = this.#shared.sweeper.now() - this.#startedAt
    const marks = { requestId: this.#requestId, via: this.#shared.names.via }
    const headers = markResponse(head.headers, marks)
    this.#status = head.status
    if (head.status === 101) return this.#openTunnel(head, headers)
    exchange.respond({
      status: head.status,
      reason: head.reason,
      headers,
      bodyLength: head.bodyLength,
      bodiless: exchange.method === 'HEAD' || head.status === 204 || head.status === 304,
      trailers: head.announcesTrailers,
    })
    this.#phase = 'receive'
    if (!this.#requestEnded) this.#watch()
  }

  #finish(): void {
    if (this.#phase === 'finish') return
    const { metrics, sweeper, accessLog } = this.#shared
    const wasConnecting = this.#phase === 'connect'
    this.#phase = 'finish'
    sweeper.delete(this)
    if (wasConnecting && this.#target) this.#shared.upstream.cancel(this.#target, this)
    this.#connection?.abandon()
    this.#connection = undefined
    const finishedAt = sweeper.now()
    metrics.openRequests.value--
    metrics.countRequest(this.#exchange.httpVersion, this.#status)
    metrics.requestBytes.value += this.#exchange.bytesIn
    metrics.responseBytes.value += this.#exchange.bytesOut
    metrics.requestMs.value += finishedAt - this.#startedAt
    accessLog.log({
      exchange: this.#exchange,
      requestId: this.#requestId,
      status: this.#status,
      startedAt: this.#startedAt,
      finishedAt,
      connectMs: this.#connectMs,
      upstreamHeadMs: this.#headMs,
      upstreamReused: this.#reused,
      error: this.#error,
    })
  }

  // Details of the phases.

  #follow({ target, earlyHints }: Route): void {
    if (this.#phase !== 'route') return
    this.#earlyHints = earlyHints
    this.#target = target
    this.#connect(false)
  }

  #holdOrigin(): void {
    this.#clientBlocked = true
    this.#connection?.pause()
  }

  #openTunnel(head: UpstreamHead, headers: RawHeaders): void {
    if (head.upgrade?.toLowerCase() !== 'websocket') {
      throw new ProxyError('upstream_bad_response', 'Origin switched to another protocol')
    }
    this.#exchange.switchProtocols(headers)
    this.#isTunnel = true
    this.#phase = 'receive'
    this.#watch()
  }

  // What the client's side says.

  onRequestData(chunk: Uint8Array): void {
    this.#bodyTaken = true
    if (this.#exchange.bytesIn > this.#shared.limits.maxRequestBodyBytes && !this.#isTunnel) {
      return this.#fail(new ProxyError('body_too_large', 'Body over the limit'))
    }
    if (this.#connection?.write(chunk) === false) {
      this.#originBlocked = true
      this.#exchange.pause()
    }
    this.#watch()
  }

  onRequestEnd(trailers: RawHeaders): void {
    this.#requestEnded = true
    this.#connection?.finish(trailers)
    this.#watch()
  }

  onRequestError(error: ProxyError): void {
    this.#fail(error)
  }

  onDrain(): void {
    if (!this.#clientBlocked) return
    this.#clientBlocked = false
    this.#connection?.resume()
    this.#watch()
  }

  onClose(completed: boolean): void {
    if (this.#phase === 'finish') return
    if (!completed && this.#error === undefined) {
      this.#error = 'client_closed'
      if (this.#status === 0) this.#status = 499
      this.#shared.metrics.countError({ kind: 'client_closed' })
    }
    this.#finish()
  }

  // What the origin's side says.

  onConnection(connection: UpstreamConnection): void {
    if (this.#phase !== 'connect') return connection.close()
    try {
      this.#send(connection)
    } catch (error) {
      this.#fail(error)
    }
  }

  onNoConnection(error: ProxyError): void {
    this.#fail(error)
  }

  onInformational(status: number, headers: RawHeaders): void {
    const isWanted = status === 100 ? this.#exchange.expectsContinue : this.#earlyHints
    if (!isWanted || (status !== 100 && status !== 103)) return
    try {
      this.#exchange.inform(status, headers)
    } catch (err) {
      // A hint that node will not send is no reason to lose the answer.
      this.#shared.logger.debug({ err, requestId: this.#requestId }, 'Early hints dropped')
    }
  }

  onHead(head: UpstreamHead): void {
    try {
      this.#receive(head)
    } catch (error) {
      this.#fail(error)
    }
  }

  onData({ bytes, release }: OwnPiece, last: boolean): void {
    if (last) this.#connection = undefined
    if (last && !release) this.#exchange.end(bytes)
    else {
      const isTaken = this.#exchange.write(bytes, release)
      if (last) this.#exchange.end()
      else if (!isTaken) this.#holdOrigin()
    }
    if (last || this.#clientBlocked || !this.#requestEnded || this.#isTunnel) this.#watch()
  }

  onEnd(trailers: RawHeaders): void {
    this.#connection = undefined
    try {
      this.#exchange.end(undefined, endToEndTrailers(trailers))
      this.#watch()
    } catch (error) {
      this.#fail(error)
    }
  }

  onError(error: ProxyError): void {
    this.#connection = undefined
    if (error.retryable && this.#mayRepeat()) {
      this.#shared.metrics.retries.value++
      return this.#connect(true)
    }
    this.#fail(error)
  }

  onOriginDrain(): void {
    if (!this.#originBlocked) return
    this.#originBlocked = false
    this.#exchange.resume()
    this.#watch()
  }

  onDeadline(): void {
    if (this.#isTunnel) return this.#fail(new ProxyError('tunnel_idle', 'Nothing was sent'))
    if (this.#phase === 'receive') {
      return this.#fail(new ProxyError('client_stalled', 'Client takes nothing'))
    }
    this.#fail(new ProxyError('body_timeout', 'Client sends nothing'))
  }

  // What errors do.

  #mayRepeat(): boolean {
    return (
      this.#phase === 'send' &&
      this.#attempts < MAX_ATTEMPTS &&
      !this.#bodyTaken &&
      !this.#exchange.wantsWebSocket &&
      IDEMPOTENT.has(this.#exchange.method)
    )
  }

  #fail(thrown: unknown): void {
    const error = toProxyError(thrown)
    if (this.#phase === 'finish') return
    // Not even the error page could be delivered.
    if (this.#error !== undefined) return this.#exchange.reset(error.kind)
    this.#note(error)
    const hasAnswered = this.#phase === 'receive'
    this.#letGo()
    if (hasAnswered) this.#exchange.reset(error.kind)
    else this.#answer(error)
  }

  /** The origin's side is over, whatever becomes of the client's. */
  #letGo(): void {
    if (this.#phase === 'connect' && this.#target) this.#shared.upstream.cancel(this.#target, this)
    this.#connection?.abandon()
    this.#connection = undefined
    this.#phase = 'receive'
  }

  #answer(error: ProxyError): void {
    const { head, body } = renderErrorResponse(error.kind, {
      accept: this.#fields.accept,
      requestId: this.#requestId,
      isHead: this.#exchange.method === 'HEAD',
    })
    this.#status = head.status
    this.#exchange.respond(head)
    this.#exchange.end(head.bodiless ? undefined : body)
    this.#watch()
  }

  #note(error: ProxyError): void {
    this.#error = error.kind
    this.#shared.metrics.countError(error)
    const fields = {
      kind: error.kind,
      host: this.#exchange.hostname,
      requestId: this.#requestId,
      err: error,
    }
    if (error.kind === 'internal') this.#shared.logger.error(fields, 'Request failed')
    else if (error.source === 'upstream') this.#shared.logger.debug(fields, 'Origin failed')
  }

  /** Until when the client must move; the origin's times are the connection's own. */
  #watch(): void {
    const { limits, sweeper } = this.#shared
    let ms = Infinity
    if (this.#isTunnel) ms = limits.tunnelIdleMs
    else if (this.#clientBlocked || this.#isAllSent()) ms = limits.clientStalledMs
    else if (!this.#requestEnded && !this.#originBlocked) {
      // Once the origin answers, both ways may be slow for good reasons: a stream in both directions.
      ms = this.#phase === 'send' ? limits.requestBodyIdleMs : limits.tunnelIdleMs
    }
    this.deadline = ms === Infinity ? Infinity : sweeper.now() + ms
  }

  /** All is said; the client has yet to take it. */
  #isAllSent(): boolean {
    return this.#phase === 'receive' && this.#connection === undefined
  }
}
