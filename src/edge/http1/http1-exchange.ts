import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Hostname } from '#domain/hostname.ts'

import type { Connection } from '../connection.ts'
import { ProxyError, type ProxyErrorKind } from '../error.ts'
import type { Exchange, ExchangeHandler, RawHeaders, ResponseHead } from '../exchange.ts'
import type { RequestHead } from '../request-head.ts'
import { endToEndTrailers } from '../trailers.ts'

/** What the exchange asks of the connection that it runs on. */
export interface Http1Owner {
  readonly connection: Connection
  /** The response is to say Connection: close. */
  readonly isDraining: boolean
  /** The response is done; the request's body may still be coming. */
  onExchangeClosed(exchange: Http1Exchange): void
}

/** After these what follows on the connection cannot be trusted to be a request. */
const CLOSING = new Set<ProxyErrorKind>(['bad_request', 'bad_framing', 'bad_host'])

/** An HTTP/1.1 exchange on top of node:http's message objects. */
export class Http1Exchange implements Exchange {
  readonly connection: Connection
  readonly httpVersion: '1.0' | '1.1'
  readonly method: string
  readonly hostname: Hostname | undefined
  readonly authority: string
  readonly path: string
  readonly headers: RawHeaders
  readonly bodyLength: number
  readonly expectsContinue: boolean
  readonly acceptsTrailers: boolean
  readonly wantsWebSocket = false
  readonly problem: ProxyError | undefined
  bytesIn = 0
  bytesOut = 0
  /** No request may follow on the connection. */
  endsConnection = false
  /** Set by the connection once the response is done and body bytes are only counted. */
  onLingeringBytes: ((total: number) => void) | undefined
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #owner: Http1Owner
  #handler: ExchangeHandler | undefined
  #isReading = false
  #isContinued = false
  #isEnded = false

  constructor(
    messages: { request: IncomingMessage; response: ServerResponse },
    head: RequestHead,
    owner: Http1Owner,
  ) {
    this.#request = messages.request
    this.#response = messages.response
    this.#owner = owner
    this.connection = owner.connection
    this.httpVersion = messages.request.httpVersionMinor === 0 ? '1.0' : '1.1'
    this.method = messages.request.method ?? ''
    this.hostname = head.hostname
    this.authority = head.authority
    this.path = head.path
    this.headers = head.headers
    this.bodyLength = head.bodyLength
    this.expectsContinue = head.expectsContinue
    this.acceptsTrailers = head.acceptsTrailers
    this.problem = head.problem
    this.#response.once('close', () => this.#onResponseClose())
  }

  /** The whole request has been read off the connection. */
  get isRequestComplete(): boolean {
    return this.#request.complete || this.bodyLength === 0
  }

  open(handler: ExchangeHandler): void {
    this.#handler = handler
  }

  read(): void {
    if (this.#isReading || this.bodyLength === 0) return
    this.#isReading = true
    this.#request.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    this.#request.once('end', () => {
      this.#handler?.onRequestEnd(endToEndTrailers(this.#request.rawTrailers))
    })
  }

  pause(): void {
    this.#request.pause()
  }

  resume(): void {
    this.#request.resume()
  }

  inform(status: number, headers: RawHeaders): void {
    if (this.httpVersion === '1.0' || this.#response.headersSent || this.#isEnded) return
    if (status === 100) {
      this.#isContinued = true
      this.#response.writeContinue()
    } else if (status === 102) this.#response.writeProcessing()
    else if (status === 103) this.#response.writeEarlyHints(linksOf(headers))
  }

  respond(head: ResponseHead): void {
    if (this.#isEnded || this.#response.headersSent) return
    const { headers } = head
    if (head.bodyLength >= 0 && head.status !== 204) {
      headers.push('Content-Length', String(head.bodyLength))
    }
    if (this.#isLast()) this.#response.shouldKeepAlive = false
    if (!this.#response.shouldKeepAlive) this.endsConnection = true
    // Persistence goes without saying in HTTP/1.1 (RFC 9112 section 9.3).
    else if (this.#response.shouldKeepAlive && this.httpVersion === '1.1') {
      this.#response.removeHeader('Connection')
    }
    this.#response.writeHead(head.status, head.reason, headers)
  }

  switchProtocols(): void {
    throw new ProxyError('internal', 'Cannot switch protocols: not asked for')
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isEnded) return true
    this.bytesOut += chunk.length
    const isTaken = this.#response.write(chunk)
    if (!isTaken) this.#response.once('drain', () => this.#handler?.onDrain())
    return isTaken
  }

  end(chunk?: Uint8Array, trailers?: RawHeaders): void {
    if (this.#isEnded) return
    this.#isEnded = true
    if (trailers && trailers.length > 0) this.#response.addTrailers(pairs(trailers))
    if (chunk === undefined || chunk.length === 0) return void this.#response.end()
    this.bytesOut += chunk.length
    this.#response.end(chunk)
  }

  reset(): void {
    this.#isEnded = true
    this.endsConnection = true
    this.#request.socket.destroy()
  }

  /** The connection found the body, or what follows it, broken. */
  fail(error: ProxyError): void {
    this.#response.shouldKeepAlive = false
    this.endsConnection = true
    this.#handler?.onRequestError(error)
  }

  /** Reads what is left of the body, and throws it away. */
  linger(onBytes: (total: number) => void, onEnd: () => void): void {
    this.onLingeringBytes = onBytes
    this.#request.once('end', onEnd)
    if (!this.#isReading) this.#request.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    this.#isReading = true
    this.#request.resume()
  }

  /** No request can follow: we are going, the next one could not be told apart, or a body may come. */
  #isLast(): boolean {
    if (this.#owner.isDraining) return true
    if (this.problem && CLOSING.has(this.problem.kind)) return true
    return this.expectsContinue && !this.#isContinued
  }

  #onData(chunk: Uint8Array): void {
    this.bytesIn += chunk.length
    if (this.onLingeringBytes) this.onLingeringBytes(this.bytesIn)
    else this.#handler?.onRequestData(chunk)
  }

  #onResponseClose(): void {
    this.#isEnded = true
    const handler = this.#handler
    this.#handler = undefined
    handler?.onClose(this.#response.writableFinished)
    this.#owner.onExchangeClosed(this)
  }
}

function linksOf(headers: RawHeaders): { link: string[] } {
  const link: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === 'link') link.push(headers[i + 1] ?? '')
  }
  return { link }
}

function pairs(flat: RawHeaders): [string, string][] {
  const result: [string, string][] = []
  for (let i = 0; i < flat.length; i += 2) result.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return result
}
