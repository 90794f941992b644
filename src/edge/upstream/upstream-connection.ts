import type { LookupFunction, Socket } from 'node:net'

import { ProxyError, toProxyError } from '../error.ts'
import { renderFields, type RawHeaders } from '../exchange.ts'
import type { HttpLimits } from '../http-limits.ts'
import type { Sweeper, Timed } from '../sweeper.ts'
import { dialError, type DialStage } from './dial-error.ts'
import { dialOrigin } from './dial-origin.ts'
import type { OriginTls } from './origin-tls.ts'
import { ReadBuffer, type OwnPiece } from './read-buffer.ts'
import type { UpstreamHead } from './response-head.ts'
import { ResponseParser, type ResponseSink } from './response-parser.ts'
import type { Target } from './target.ts'

/** Hears of the response to one request. After `onError`, or the end, nothing more comes. */
export interface ResponseHandler {
  onInformational(status: number, headers: RawHeaders): void
  onHead(head: UpstreamHead): void
  /** `last`: the response is complete. */
  onData(piece: OwnPiece, last: boolean): void
  /** The response is complete, unless a `last` piece said so; a tunnel's origin sends no more. */
  onEnd(trailers: RawHeaders): void
  /** The origin takes request bytes again. */
  onOriginDrain(): void
  onError(error: ProxyError): void
}

export interface OutgoingRequest {
  /** Request line and headers with the empty line, latin1. */
  head: string
  method: string
  /** A body follows: in chunks, or as many bytes as Content-Length says. */
  body: 'none' | 'chunked' | 'counted'
  wantsUpgrade: boolean
}

/** Who owns connections: told when one can be used (again) and when one is gone. */
export interface ConnectionOwner {
  onConnected(connection: UpstreamConnection): void
  onDialFailed(connection: UpstreamConnection, error: ProxyError): void
  /** The response is complete and the connection may be used again. */
  onIdle(connection: UpstreamConnection): void
  onClosed(connection: UpstreamConnection): void
  /** It became a tunnel (101): it is never used again, and may last. */
  onTunnel(connection: UpstreamConnection): void
  /** A TLS session to resume later connections with. */
  onSession(session: Buffer): void
}

export interface ConnectionDeps {
  limits: HttpLimits
  sweeper: Sweeper
  tls: OriginTls
  lookup: LookupFunction
  owner: ConnectionOwner
  /** To resume, if any. */
  session: Buffer | undefined
}

const NO_TRAILERS: RawHeaders = []

/**
 * One HTTP/1.1 connection to an origin, for one request at a time.
 */
export class UpstreamConnection implements Timed, ResponseSink {
  readonly target: Target
  /** Requests begun on it. */
  requests = 0
  deadline: number
  readonly #limits: HttpLimits
  readonly #sweeper: Sweeper
  readonly #owner: ConnectionOwner
  readonly #parser: ResponseParser
  readonly #socket: Socket
  #stage: DialStage | 'open' | 'closed' = 'connecting'
  #handler: ResponseHandler | undefined
  #body: OutgoingRequest['body'] = 'none'
  #requestEnded = true
  #headReceived = false
  #anyReceived = false
  #isTunnel = false
  #isPaused = false
  #keepAlive = true
  #idleMs: number
  readonly #buffer: ReadBuffer
  /** How the response ended, until its handler is told. */
  #lastPiece: OwnPiece | undefined
  #trailers = NO_TRAILERS

  constructor(target: Target, deps: ConnectionDeps) {
    this.target = target
    this.#limits = deps.limits
    this.#sweeper = deps.sweeper
    this.#owner = deps.owner
    this.#idleMs = deps.limits.originIdleMs
    this.#buffer = new ReadBuffer(target.serverName !== undefined)
    this.#parser = new ResponseParser(this, deps.limits.maxResponseHeadBytes)
    this.deadline = this.#sweeper.now() + this.#limits.connectMs
    this.#sweeper.add(this)
    this.#socket = this.#dial(deps)
    this.#listen()
  }

  get isOpen(): boolean {
    return this.#stage === 'open'
  }

  /** Starts a request; the connection must be idle. */
  send(request: OutgoingRequest, handler: ResponseHandler): void {
    this.requests++
    this.#handler = handler
    this.#body = request.body
    this.#headReceived = false
    this.#anyReceived = false
    this.#parser.begin({ isHead: request.method === 'HEAD', mayUpgrade: request.wantsUpgrade })
    this.#requestEnded = request.body === 'none'
    this.#socket.write(request.head, 'latin1')
    this.#await()
  }

  /** @returns false where the origin is slow: wait for `onOriginDrain` */
  write(piece: Uint8Array): boolean {
    if (this.#requestEnded || this.#stage !== 'open') return true
    const isTaken = this.#body === 'chunked' ? this.#writeChunk(piece) : this.#socket.write(piece)
    if (!isTaken) this.deadline = this.#sweeper.now() + this.#limits.originSendMs
    return isTaken
  }

  /** The request body, or the client's side of the tunnel, is complete. */
  finish(trailers: RawHeaders): void {
    if (this.#requestEnded || this.#stage !== 'open') return
    this.#requestEnded = true
    if (this.#isTunnel) return void this.#socket.end()
    if (this.#body === 'chunked') this.#socket.write(`0\r\n${renderFields(trailers)}\r\n`, 'latin1')
    this.#await()
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#socket.pause()
    this.#await()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket.resume()
    this.#await()
  }

  /** Nobody wants the rest: gives the connection up. */
  abandon(): void {
    this.#handler = undefined
    this.close()
  }

  /** For good; a running request's handler hears nothing. */
  close(): void {
    if (this.#stage === 'closed') return
    this.#stage = 'closed'
    this.#handler = undefined
    this.#sweeper.delete(this)
    this.#socket.destroy()
    this.#owner.onClosed(this)
  }

  onDeadline(): void {
    if (this.#stage === 'connecting') return this.#fail('upstream_connect_timeout', 'connect')
    if (this.#stage === 'securing') return this.#fail('upstream_tls_timeout', 'TLS handshake')
    if (this.#handler === undefined) return this.close()
    if (!this.#requestEnded) return this.#fail('upstream_send_timeout', 'sending')
    if (this.#headReceived) return this.#fail('upstream_body_timeout', 'response body')
    this.#fail('upstream_head_timeout', 'response head')
  }

  onInformational(status: number, headers: RawHeaders): void {
    this.#handler?.onInformational(status, headers)
  }

  onHead(head: UpstreamHead): void {
    this.#headReceived = true
    this.#keepAlive = head.keepAlive
    this.#idleMs = idleMs(head.keepAliveHintMs, this.#limits.originIdleMs)
    if (head.status === 101) {
      this.#isTunnel = true
      this.#requestEnded = false
      this.#body = 'counted'
      this.#owner.onTunnel(this)
    }
    this.#handler?.onHead(head)
    this.#await()
  }

  onBody(piece: Buffer, last: boolean): void {
    const own = this.#buffer.own(piece)
    if (last) this.#lastPiece = own
    else this.#handler?.onData(own, false)
  }

  onComplete(trailers: RawHeaders): void {
    this.#trailers = trailers
  }

  #dial(deps: ConnectionDeps): Socket {
    return dialOrigin(this.target, {
      lookup: deps.lookup,
      tls: deps.tls,
      session: deps.session,
      nextBuffer: () => this.#buffer.next(),
      onRead: (length) => this.#onRead(length),
      onSecuring: () => {
        this.#stage = 'securing'
        this.deadline = this.#sweeper.now() + this.#limits.originTlsMs
      },
      onOpen: () => this.#onOpen(),
      onSession: (session) => this.#owner.onSession(session),
    })
  }

  #listen(): void {
    this.#socket.on('error', (error) => this.#onSocketError(error))
    this.#socket.on('end', () => this.#onEndOfStream())
    this.#socket.on('close', () => this.#onEndOfStream())
    this.#socket.on('drain', () => {
      this.#await()
      this.#handler?.onOriginDrain()
    })
  }

  #onOpen(): void {
    if (this.#stage === 'closed') return
    this.#stage = 'open'
    this.deadline = this.#sweeper.now() + this.#idleMs
    this.#owner.onConnected(this)
  }

  #onRead(length: number): boolean {
    const bytes = this.#buffer.read(length)
    // An answer nobody asked for: whatever it is, it must not meet the next request.
    if (this.#handler === undefined) {
      this.close()
      return false
    }
    this.#anyReceived = true
    if (this.#headReceived && !this.#isTunnel) {
      this.deadline = this.#sweeper.now() + this.#limits.responseBodyIdleMs
    }
    try {
      this.#parse(bytes)
    } catch (error) {
      this.#failWith(toProxyError(error))
    }
    return !this.#isPaused
  }

  #parse(bytes: Buffer): void {
    const consumed = this.#parser.execute(bytes)
    if (!this.#parser.isComplete || this.#handler === undefined) return
    if (consumed < bytes.length) this.#keepAlive = false
    this.#complete()
  }

  /** The connection is free again before the handler hears that its response is complete. */
  #complete(): void {
    const handler = this.#handler
    const piece = this.#lastPiece
    const trailers = this.#trailers
    this.#handler = undefined
    this.#lastPiece = undefined
    this.#trailers = NO_TRAILERS
    this.#buffer.rest()
    this.#recycle()
    if (piece) handler?.onData(piece, true)
    else handler?.onEnd(trailers)
  }

  #recycle(): void {
    const isReusable = this.#keepAlive && this.#requestEnded && this.#idleMs > 0
    if (!isReusable || this.#isTunnel) return this.close()
    if (this.#isPaused) {
      this.#isPaused = false
      this.#socket.resume()
    }
    this.deadline = this.#sweeper.now() + this.#idleMs
    this.#owner.onIdle(this)
  }

  #onEndOfStream(): void {
    if (this.#stage === 'closed') return
    if (this.#stage !== 'open') {
      return this.#failWith(dialError(new Error('closed by the origin'), this.#stage))
    }
    if (this.#handler === undefined) return this.close()
    if (this.#anyReceived && this.#parser.finish()) {
      this.#keepAlive = false
      return this.#complete()
    }
    this.#fail(this.#headReceived ? 'upstream_truncated' : 'upstream_closed', 'connection closed')
  }

  #onSocketError(error: NodeJS.ErrnoException): void {
    if (this.#stage === 'closed') return
    if (this.#stage !== 'open') return this.#failWith(dialError(error, this.#stage))
    this.#fail(this.#headReceived ? 'upstream_truncated' : 'upstream_closed', error.code ?? 'error')
  }

  #fail(kind: ProxyError['kind'], what: string): void {
    const retryable = kind === 'upstream_closed' && this.requests > 1 && !this.#anyReceived
    this.#failWith(new ProxyError(kind, `Origin failed: ${what}`, { retryable }))
  }

  #failWith(error: ProxyError): void {
    const handler = this.#handler
    const isDialling = this.#stage === 'connecting' || this.#stage === 'securing'
    this.close()
    if (isDialling) this.#owner.onDialFailed(this, error)
    else handler?.onError(error)
  }

  /** What is waited for now, and until when. */
  #await(): void {
    if (this.#stage !== 'open' || this.#handler === undefined) return
    const now = this.#sweeper.now()
    if (this.#isTunnel) this.deadline = Infinity
    else if (!this.#requestEnded) {
      this.deadline = this.#socket.writableNeedDrain ? now + this.#limits.originSendMs : Infinity
    } else if (!this.#headReceived) this.deadline = now + this.#limits.responseHeadMs
    else this.deadline = this.#isPaused ? Infinity : now + this.#limits.responseBodyIdleMs
  }

  #writeChunk(piece: Uint8Array): boolean {
    if (piece.length === 0) return true
    this.#socket.cork()
    this.#socket.write(`${piece.length.toString(16)}\r\n`, 'latin1')
    this.#socket.write(piece)
    const isTaken = this.#socket.write('\r\n', 'latin1')
    this.#socket.uncork()
    return isTaken
  }
}

/** A little less than the origin says, so that it is us who close. */
function idleMs(hintMs: number | undefined, ownMs: number): number {
  return hintMs === undefined ? ownMs : Math.min(ownMs, hintMs - 1000)
}
