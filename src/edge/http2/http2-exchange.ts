import { constants, type ServerHttp2Stream } from 'node:http2'

import type { Hostname } from '#domain/hostname.ts'

import type { Connection } from '../connection.ts'
import type { ProxyError } from '../error.ts'
import type { Exchange, ExchangeHandler, RawHeaders, ResponseHead } from '../exchange.ts'
import { endToEndTrailers } from '../trailers.ts'
import type { Http2RequestHead } from './http2-request-head.ts'
import { dropConnectionFields, toFieldRecord } from './response-fields.ts'
import { takeWebSocketAccept } from './websocket-key.ts'

const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants

export interface Http2StreamContext {
  connection: Connection
  /** Sent to the origin in place of the client's, for a WebSocket. */
  webSocketKey: string | undefined
  onClosed(wasCancelled: boolean): void
}

/** An HTTP/2 exchange: one stream. */
export class Http2Exchange implements Exchange {
  readonly connection: Connection
  readonly httpVersion = '2'
  readonly method: string
  readonly hostname: Hostname | undefined
  readonly authority: string
  readonly path: string
  readonly headers: RawHeaders
  readonly bodyLength: number
  readonly expectsContinue: boolean
  readonly acceptsTrailers: boolean
  readonly wantsWebSocket: boolean
  readonly problem: ProxyError | undefined
  bytesIn = 0
  bytesOut = 0
  readonly #stream: ServerHttp2Stream
  readonly #context: Http2StreamContext
  #handler: ExchangeHandler | undefined
  #requestTrailers: RawHeaders = []
  #responseTrailers: RawHeaders = []
  #isRequestEnded: boolean
  #isReading = false
  #waitsForTrailers = false
  #isEnded = false

  constructor(stream: ServerHttp2Stream, head: Http2RequestHead, context: Http2StreamContext) {
    this.#stream = stream
    this.#context = context
    this.connection = context.connection
    this.method = head.method
    this.hostname = head.hostname
    this.authority = head.authority
    this.path = head.path
    this.headers = head.headers
    this.bodyLength = head.bodyLength
    this.expectsContinue = head.expectsContinue
    this.acceptsTrailers = head.acceptsTrailers
    this.wantsWebSocket = head.wantsWebSocket
    this.problem = head.problem
    this.#isRequestEnded = head.bodyLength === 0 && !head.wantsWebSocket
    this.#stream.on('error', () => {})
    this.#stream.once('close', () => this.#onStreamClose())
  }

  open(handler: ExchangeHandler): void {
    this.#handler = handler
  }

  read(): void {
    if (this.#isReading || this.#isRequestEnded) return
    this.#isReading = true
    this.#stream.once('trailers', (_headers, _flags, raw?: unknown) => {
      this.#requestTrailers = endToEndTrailers(flatStrings(raw))
    })
    this.#stream.on('data', (chunk: Uint8Array) => {
      this.bytesIn += chunk.length
      this.#handler?.onRequestData(chunk)
    })
    this.#stream.once('end', () => {
      this.#isRequestEnded = true
      this.#handler?.onRequestEnd(this.#requestTrailers)
    })
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  inform(status: number, headers: RawHeaders): void {
    if (!this.#canRespond()) return
    const fields = toFieldRecord(headers)
    fields[':status'] = [String(status)]
    this.#stream.additionalHeaders(fields)
  }

  respond(head: ResponseHead): void {
    if (!this.#canRespond()) return
    const { status } = head
    const headers = dropConnectionFields(head.headers)
    // A 205 has no content (RFC 9110 section 15.3.6), and node:http2 would send none of what comes.
    const bodyLength = status === 205 ? 0 : head.bodyLength
    if (bodyLength >= 0 && status !== 204) headers.push('content-length', String(bodyLength))
    headers.unshift(':status', String(status))
    const endStream = head.bodiless || bodyLength === 0
    // Also where none come: node:http2 ends a stream properly before it resets it, and a client would
    // take a truncated body for a whole one. With trailers pending the end is only sent when we say.
    const waitForTrailers = bodyLength < 0 && !endStream
    this.#waitsForTrailers = waitForTrailers
    if (waitForTrailers) this.#stream.once('wantTrailers', () => this.#sendTrailers())
    this.#stream.respond(headers, { endStream, waitForTrailers })
    if (endStream) this.#onResponseEnded()
  }

  switchProtocols(headers: RawHeaders): void {
    if (!this.#canRespond()) return
    const accepted = takeWebSocketAccept(headers, this.#context.webSocketKey ?? '')
    const kept = dropConnectionFields(accepted)
    kept.unshift(':status', '200')
    this.#stream.respond(kept)
    this.read()
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isEnded || this.#stream.destroyed) return true
    this.bytesOut += chunk.length
    const isTaken = this.#stream.write(chunk)
    if (!isTaken) this.#stream.once('drain', () => this.#handler?.onDrain())
    return isTaken
  }

  end(chunk?: Uint8Array, trailers: RawHeaders = []): void {
    if (this.#isEnded || this.#stream.destroyed) return
    this.#responseTrailers = trailers
    if (chunk && chunk.length > 0) {
      this.bytesOut += chunk.length
      this.#stream.end(chunk)
    } else this.#stream.end()
    this.#onResponseEnded()
  }

  reset(): void {
    this.#isEnded = true
    if (!this.#stream.destroyed) this.#stream.close(NGHTTP2_INTERNAL_ERROR)
  }

  #canRespond(): boolean {
    return !this.#isEnded && !this.#stream.destroyed && !this.#stream.headersSent
  }

  #onResponseEnded(): void {
    this.#isEnded = true
    if (this.#isRequestEnded || this.#waitsForTrailers) return
    if (this.#stream.writableFinished) this.#stopRequest()
    else this.#stream.once('finish', () => this.#stopRequest())
  }

  /** Asks a client that is still sending to stop: it has the whole answer (RFC 9113 section 8.1). */
  #stopRequest(): void {
    if (!this.#isRequestEnded && !this.#stream.destroyed) this.#stream.close(NGHTTP2_NO_ERROR)
  }

  #sendTrailers(): void {
    if (this.#stream.destroyed) return
    this.#stream.sendTrailers(toFieldRecord(this.#responseTrailers))
    // node:http2 sends them in an immediate of its own, made just now.
    setImmediate(() => this.#stopRequest())
  }

  #onStreamClose(): void {
    const completed = this.#isEnded && this.#stream.writableFinished && !this.#stream.aborted
    const handler = this.#handler
    this.#handler = undefined
    this.#context.onClosed(!this.#isEnded)
    handler?.onClose(completed)
  }
}

/** node:http2 passes the flat list of fields, though its types do not say so. */
function flatStrings(raw: unknown): RawHeaders {
  return Array.isArray(raw) ? raw.filter((item) => typeof item === 'string') : []
}
