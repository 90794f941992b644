import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

import type { Clock } from '#lib/clock.ts'

import type { Connection, ProtocolServer } from '../connection.ts'
import { ProxyError, type ProxyErrorKind } from '../error.ts'
import type { ExchangeListener } from '../exchange.ts'
import type { HttpLimits } from '../http-limits.ts'
import { renderErrorResponse } from '../proxy/error-response.ts'
import type { RequestHead } from '../request-head.ts'
import { Sweeper, type Timed } from '../sweeper.ts'
import { Http1Exchange, type Http1Owner } from './http1-exchange.ts'
import { renderHead } from './render-head.ts'
import { isWebSocketHandshake, readRequestHead } from './request-head.ts'
import { TunnelExchange } from './tunnel-exchange.ts'

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

/** node:http's parser errors as ours; anything else is a malformed request. */
const PARSER_ERRORS: Record<string, ProxyErrorKind> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'bad_framing',
  HPE_INVALID_CONTENT_LENGTH: 'bad_framing',
  HPE_UNEXPECTED_CONTENT_LENGTH: 'bad_framing',
  HPE_INVALID_TRANSFER_ENCODING: 'bad_framing',
  HPE_INVALID_CHUNK_SIZE: 'bad_framing',
  HPE_STRICT: 'bad_framing',
  ERR_HTTP_REQUEST_TIMEOUT: 'header_timeout',
}

class Http1Server implements ProtocolServer {
  readonly deps: Http1ServerDeps
  readonly sweeper: Sweeper
  readonly #server: Server
  readonly #connections = new Map<Duplex, Http1Connection>()
  #drained: Promise<void> | undefined
  #onEmpty: (() => void) | undefined

  constructor(deps: Http1ServerDeps) {
    this.deps = deps
    this.sweeper = new Sweeper(deps.clock, deps.limits.sweepMs)
    this.#server = this.#createServer()
  }

  get openConnections(): number {
    return this.#connections.size
  }

  get isDraining(): boolean {
    return this.#drained !== undefined
  }

  accept(socket: Duplex, connection: Connection): void {
    const held = new Http1Connection(socket, connection, this)
    this.#connections.set(socket, held)
    socket.once('close', () => this.#onSocketClose(held))
    this.#server.emit('connection', socket)
    if (this.isDraining) held.drain()
  }

  drain(signal: AbortSignal): Promise<void> {
    this.#drained ??= this.#drain(signal)
    return this.#drained
  }

  #createServer(): Server {
    const { limits } = this.deps
    const server = createServer(
      {
        httpValidation: 'strict',
        requireHostHeader: false, // request-head.ts does, also for what is wrong with it
        optimizeEmptyRequests: true,
        maxHeaderSize: limits.maxRequestHeadBytes,
        headersTimeout: limits.requestHeadMs,
        requestTimeout: 0, // bodies have an idle limit instead: a slow line is no crime
        keepAliveTimeout: limits.keepAliveMs,
        connectionsCheckingInterval: Math.min(limits.sweepMs * 4, limits.requestHeadMs),
        shouldUpgradeCallback: (request) => this.#mayUpgrade(request),
      },
      (request, response) => this.#onRequest(request, response),
    )
    // Node would silently drop what exceeds a count; request-head.ts refuses it.
    server.maxHeadersCount = 0
    server.on('checkContinue', (request, response) => this.#onRequest(request, response))
    server.on('checkExpectation', (request, response) => this.#onRequest(request, response))
    server.on('upgrade', (request, socket, early) => this.#onUpgrade(request, socket, early))
    server.on('connect', (request, socket) => this.#onRefusable(request, socket))
    server.on('clientError', (error, socket) => this.#onClientError(error, socket))
    // Node starts the watch over head timeouts here, and this server never listens.
    server.emit('listening')
    return server
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const held = this.#connections.get(request.socket)
    if (!held) return void request.socket.destroy()
    const head = this.#readHead(request, held.connection)
    held.take(new Http1Exchange({ request, response }, head, held))
  }

  #readHead(request: IncomingMessage, connection: Connection): RequestHead {
    const raw = {
      method: request.method ?? '',
      target: request.url ?? '',
      version: request.httpVersion,
      headers: request.rawHeaders,
    }
    const { maxRequestHeaders } = this.deps.limits
    return readRequestHead(raw, { connection, maxRequestHeaders })
  }

  #mayUpgrade(request: IncomingMessage): boolean {
    if (request.httpVersionMinor === 0) return false
    if (!isWebSocketHandshake(request.method ?? '', request.rawHeaders)) return false
    // An answer still on its way would end up inside the tunnel.
    return this.#connections.get(request.socket)?.isIdle ?? false
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, early: Buffer): void {
    const held = this.#connections.get(request.socket)
    if (!held) return void socket.destroy()
    const { connection } = held
    const head = this.#readHead(request, connection)
    held.becomeTunnel()
    this.deps.handle(new TunnelExchange(request, { socket, early, connection }, head))
  }

  /** CONNECT: node:http hands the socket over. */
  #onRefusable(request: IncomingMessage, socket: Duplex): void {
    const held = this.#connections.get(request.socket)
    if (held) this.#refuse(held, 'method_refused')
    else socket.destroy()
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const held = this.#connections.get(socket)
    // More after a request that said Connection: close: its answer is still on the way.
    if (error.code === 'HPE_CLOSED_CONNECTION') return
    const isParserError = error.code?.startsWith('HPE_') || error.code?.startsWith('ERR_HTTP_')
    if (!held || !isParserError || error.code === 'HPE_INVALID_EOF_STATE') {
      return void socket.destroy()
    }
    const kind = PARSER_ERRORS[error.code ?? ''] ?? 'bad_request'
    if (held.isIdle) this.#refuse(held, kind)
    else held.fail(new ProxyError(kind, 'Cannot read request', { cause: error }))
  }

  /** Answers what never became an exchange, and closes. */
  #refuse(held: Http1Connection, kind: ProxyErrorKind): void {
    if (held.isRefused) return
    held.isRefused = true
    this.deps.onRefused?.(kind, held.connection)
    // Nobody asked: a 408 out of the blue confuses clients that keep spare connections.
    if (kind === 'header_timeout' && held.isSilent) return void held.socket.destroy()
    const { head, body } = renderErrorResponse(kind, {})
    head.headers.push('Content-Length', String(body.length), 'Connection', 'close')
    const { socket } = held
    socket.on('error', () => {})
    socket.end(renderHead(head) + body.toString('latin1'), 'latin1', () => socket.destroy())
  }

  #onSocketClose(held: Http1Connection): void {
    this.#connections.delete(held.socket)
    held.onSocketClose()
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  async #drain(signal: AbortSignal): Promise<void> {
    for (const held of this.#connections.values()) held.drain()
    await this.#empty(signal)
    this.#server.close() // stops the watch; there is nothing else to close
    this.sweeper.close()
  }

  #empty(signal: AbortSignal): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onEmpty = resolve
      const endAll = (): void => {
        for (const { socket } of this.#connections.values()) socket.destroy()
      }
      if (signal.aborted) endAll()
      else signal.addEventListener('abort', endAll, { once: true })
    })
  }
}

/**
 * One connection: its exchanges run one at a time, in order, whatever a client sends ahead
 * (pipelining): the origin's answers could not be sent down out of order anyway.
 */
class Http1Connection implements Http1Owner, Timed {
  readonly socket: Duplex & { bytesRead?: number }
  readonly connection: Connection
  deadline = Infinity
  isRefused = false
  readonly #server: Http1Server
  readonly #waiting: Http1Exchange[] = []
  readonly #bytesAtStart: number
  #running: Http1Exchange | undefined
  #isTunnel = false
  #isEnding = false
  #served = 0

  constructor(socket: Duplex, connection: Connection, server: Http1Server) {
    this.socket = socket
    this.connection = connection
    this.#server = server
    this.#bytesAtStart = this.socket.bytesRead ?? 0
  }

  get isDraining(): boolean {
    return this.#server.isDraining
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
    if (this.#waiting.length > this.#server.deps.limits.maxPipelined) this.socket.destroy()
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
    this.#watch(this.#server.deps.limits.drainFreshMs)
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
    this.#server.deps.handle(exchange)
  }

  /**
   * The client is answered, but goes on sending its body: it may finish within bounds, so that it gets
   * to read the answer (a reset would take it away), and is cut off beyond.
   */
  #linger(exchange: Http1Exchange): void {
    const { lingerMs, lingerBytes } = this.#server.deps.limits
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
    this.deadline = this.#server.sweeper.now() + ms
    this.#server.sweeper.add(this)
  }

  #stopWatch(): void {
    if (this.deadline === Infinity) return
    this.deadline = Infinity
    this.#server.sweeper.delete(this)
  }
}
