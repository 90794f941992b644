import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

import type { Clock } from '#lib/clock.ts'

import type { Connection, ProtocolServer } from '../connection.ts'
import { ProxyError, type ProxyErrorKind } from '../error.ts'
import type { ExchangeListener } from '../exchange.ts'
import type { HttpLimits } from '../http-limits.ts'
import { renderErrorResponse } from '../proxy/error-response.ts'
import type { RequestHead } from '../request-head.ts'
import { Sweeper } from '../sweeper.ts'
import { Http1Connection, type Http1Host } from './http1-connection.ts'
import { Http1Exchange } from './http1-exchange.ts'
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

class Http1Server implements ProtocolServer, Http1Host {
  readonly handle: ExchangeListener
  readonly limits: HttpLimits
  readonly sweeper: Sweeper
  readonly #onRefused: Http1ServerDeps['onRefused']
  readonly #server: Server
  readonly #connections = new Map<Duplex, Http1Connection>()
  #drained: Promise<void> | undefined
  #onEmpty: (() => void) | undefined

  constructor(deps: Http1ServerDeps) {
    this.handle = deps.handle
    this.limits = deps.limits
    this.#onRefused = deps.onRefused
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
    if (socket.destroyed) return
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
    const { limits } = this
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
    const { maxRequestHeaders } = this.limits
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
    this.handle(new TunnelExchange(request, { socket, early, connection }, head))
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
    this.#onRefused?.(kind, held.connection)
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
