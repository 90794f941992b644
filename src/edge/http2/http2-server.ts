import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex } from 'node:stream'

import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import { TokenBucket } from '#lib/token-bucket.ts'

import type { Connection, ProtocolServer } from '../connection.ts'
import type { ExchangeListener, RawHeaders } from '../exchange.ts'
import type { HttpLimits } from '../http-limits.ts'
import { Sweeper, type Timed } from '../sweeper.ts'
import { Http2Exchange } from './http2-exchange.ts'
import { readHttp2RequestHead } from './http2-request-head.ts'
import { createWebSocketKey } from './websocket-key.ts'

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_FLAG_END_STREAM } = constants

export interface Http2ServerDeps {
  /** Takes each exchange. */
  handle: ExchangeListener
  clock: Clock
  random: Random
  limits: HttpLimits
  /** Hears of connections that were ended because they flooded us. */
  onFlood?: (connection: Connection) => void
}

/** HTTP/2 on TLS connections that somebody else accepted; there is no upgrade from HTTP/1.1 (h2c). */
export function createHttp2Server(deps: Http2ServerDeps): ProtocolServer {
  return new Http2Server(deps)
}

/** Frames that break the protocol, and streams that are refused, before a session is ended. */
const MAX_BAD_FRAMES = 100
/** Receive window of a connection: one stream's upload must not wait for another's. */
const CONNECTION_WINDOW_BYTES = 1024 * 1024
/** HPACK's own size (RFC 7541): more would be memory that a client may fill. */
const HEADER_TABLE_BYTES = 4096
/** Settings in one frame; the protocol knows a dozen. */
const MAX_SETTINGS = 32

class Http2Server implements ProtocolServer {
  readonly deps: Http2ServerDeps
  readonly sweeper: Sweeper
  readonly #sessions = new Set<Http2Connection>()
  readonly #options: Parameters<typeof performServerHandshake>[1]
  #drained: Promise<void> | undefined
  #onEmpty: (() => void) | undefined

  constructor(deps: Http2ServerDeps) {
    this.deps = deps
    this.sweeper = new Sweeper(deps.clock, deps.limits.sweepMs)
    this.#options = sessionOptions(deps.limits)
  }

  get openConnections(): number {
    return this.#sessions.size
  }

  accept(socket: Duplex, connection: Connection): void {
    if (socket.destroyed) return
    const session = performServerHandshake(socket, this.#options)
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    const held = new Http2Connection(session, connection, this)
    this.#sessions.add(held)
    if (this.#drained) held.drain()
  }

  forget(held: Http2Connection): void {
    this.#sessions.delete(held)
    if (this.#sessions.size === 0) this.#onEmpty?.()
  }

  drain(signal: AbortSignal): Promise<void> {
    this.#drained ??= this.#drain(signal)
    return this.#drained
  }

  async #drain(signal: AbortSignal): Promise<void> {
    for (const held of this.#sessions) held.drain()
    await this.#empty(signal)
    this.sweeper.close()
  }

  #empty(signal: AbortSignal): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onEmpty = resolve
      const endAll = (): void => {
        for (const held of this.#sessions) held.destroy()
      }
      if (signal.aborted) endAll()
      else signal.addEventListener('abort', endAll, { once: true })
    })
  }
}

/** One session: its streams are exchanges, and its idle time and its antics are bounded. */
class Http2Connection implements Timed {
  deadline: number
  readonly #session: ServerHttp2Session
  readonly #connection: Connection
  readonly #server: Http2Server
  /**
   * Bounds what it may make us do for nothing: PING and SETTINGS to acknowledge, streams opened only to
   * be cancelled (CVE-2023-44487).
   */
  readonly #antics: TokenBucket
  #streams = 0

  constructor(session: ServerHttp2Session, connection: Connection, server: Http2Server) {
    this.#session = session
    this.#connection = connection
    this.#server = server
    const { limits } = server.deps
    const now = server.sweeper.now()
    const rates = { burst: limits.controlFrameBurst, perSecond: limits.controlFrameRate }
    this.#antics = new TokenBucket(rates, now)
    this.deadline = now + limits.http2IdleMs
    server.sweeper.add(this)
    this.#listen()
  }

  drain(): void {
    this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
  }

  /** Nothing for too long: a goodbye first, the end if even that is not taken. */
  onDeadline(): void {
    if (this.#session.closed) return this.destroy()
    this.deadline = this.#server.sweeper.now() + this.#server.deps.limits.clientStalledMs
    this.#session.close()
  }

  #listen(): void {
    const session = this.#session
    session.on('stream', (stream, _headers, flags, raw) => {
      const exchange = this.#createExchange(stream, flags, raw)
      this.#streams++
      this.deadline = Infinity
      this.#server.deps.handle(exchange)
    })
    session.on('ping', () => this.#count())
    session.on('remoteSettings', () => this.#count())
    session.on('error', () => {})
    session.once('close', () => {
      this.#server.sweeper.delete(this)
      this.#server.forget(this)
    })
  }

  #createExchange(stream: ServerHttp2Stream, flags: number, raw: RawHeaders): Http2Exchange {
    const { limits, random } = this.#server.deps
    const head = readHttp2RequestHead(raw, {
      connection: this.#connection,
      maxRequestHeaders: limits.maxRequestHeaders,
      endsStream: (flags & NGHTTP2_FLAG_END_STREAM) !== 0,
    })
    const webSocketKey = head.wantsWebSocket ? createWebSocketKey(random) : undefined
    if (webSocketKey !== undefined) head.headers.push('Sec-WebSocket-Key', webSocketKey)
    return new Http2Exchange(stream, head, {
      connection: this.#connection,
      webSocketKey,
      onClosed: (wasCancelled) => this.#onStreamClosed(wasCancelled),
    })
  }

  #onStreamClosed(wasCancelled: boolean): void {
    this.#streams--
    if (this.#streams === 0) {
      this.deadline = this.#server.sweeper.now() + this.#server.deps.limits.http2IdleMs
    }
    if (wasCancelled) this.#count()
  }

  #count(): void {
    if (this.#session.destroyed || this.#antics.take(this.#server.sweeper.now())) return
    this.#server.deps.onFlood?.(this.#connection)
    this.#session.goaway(NGHTTP2_ENHANCE_YOUR_CALM)
    this.#session.destroy()
  }
}

/** Node sets few of these by itself, and gives nothing back that a flood has taken. */
function sessionOptions(limits: HttpLimits): Parameters<typeof performServerHandshake>[1] {
  return {
    settings: {
      headerTableSize: HEADER_TABLE_BYTES,
      enablePush: false,
      enableConnectProtocol: true,
      initialWindowSize: limits.streamWindowBytes,
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxHeaderListSize: limits.maxRequestHeadBytes,
    },
    maxDeflateDynamicTableSize: HEADER_TABLE_BYTES,
    maxSettings: MAX_SETTINGS,
    maxSessionMemory: limits.maxSessionMemoryMb,
    maxHeaderListPairs: limits.maxRequestHeaders + 6, // and the pseudo-headers
    maxOutstandingPings: 1,
    maxSessionInvalidFrames: MAX_BAD_FRAMES,
    maxSessionRejectedStreams: MAX_BAD_FRAMES,
    streamResetBurst: limits.controlFrameBurst,
    streamResetRate: limits.controlFrameRate,
    strictFieldWhitespaceValidation: true,
    strictSingleValueFields: false, // origins send what they send
  }
}
