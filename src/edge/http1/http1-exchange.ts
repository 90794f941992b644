import type { Duplex } from 'node:stream'

import type { Hostname } from '#domain/hostname.ts'

import type { Connection } from '../connection.ts'
import { ProxyError } from '../error.ts'
import {
  renderFields,
  type Exchange,
  type ExchangeHandler,
  type RawHeaders,
  type ResponseHead,
} from '../exchange.ts'
import { renderHead } from './render-head.ts'
import type { Http1RequestHead, RawRequestHead } from './request-head.ts'

/** What the exchange asks of the connection that it runs on. */
export interface Http1Owner {
  readonly socket: Duplex
  readonly connection: Connection
  /** The response is to say Connection: close. */
  readonly isDraining: boolean
  /** Now, as Date says it. */
  dateText(): string
  /** Body bytes are wanted, or no more. */
  onAppetite(): void
  /** The response is done; the request's body may still be coming. */
  onAnswered(exchange: Http1Exchange): void
}

/** Up to here a piece is put into one string, one write and one TLS record with what stands before it. */
const SMALL_PIECE_BYTES = 8192

/** An HTTP/1.1 or 1.0 exchange; after a granted WebSocket handshake, a tunnel. */
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
  readonly wantsWebSocket: boolean
  readonly problem: ProxyError | undefined
  bytesIn = 0
  bytesOut = 0
  /** The whole request has been read off the connection. */
  isRequestComplete: boolean
  /** No request may follow on the connection. */
  endsConnection: boolean
  isTunnel = false
  /** Body bytes may be delivered. */
  isHungry = false
  readonly #owner: Http1Owner
  readonly #socket: Duplex
  #handler: ExchangeHandler | undefined
  /** What is to be written before the next piece: the head, until it is written. */
  #unsent = ''
  #isHeadGiven = false
  #isChunked = false
  #isContinued = false
  #isEnded = false
  /** Of the pieces under way, in order: who is told once one is taken. */
  readonly #taking: ((() => void) | undefined)[] = []
  /** The response is done once the last piece under way is. */
  #endsWithPiece = false

  constructor(raw: RawRequestHead, head: Http1RequestHead, owner: Http1Owner) {
    this.#owner = owner
    this.#socket = owner.socket
    this.connection = owner.connection
    this.httpVersion = raw.version
    this.method = raw.method
    this.hostname = head.hostname
    this.authority = head.authority
    this.path = head.path
    this.headers = head.headers
    this.bodyLength = head.bodyLength
    this.expectsContinue = head.expectsContinue
    this.acceptsTrailers = head.acceptsTrailers
    this.wantsWebSocket = head.wantsWebSocket
    this.problem = head.problem
    this.isRequestComplete = head.bodyLength === 0
    // Whoever asks for a handshake and does not get it has no further request ready.
    this.endsConnection = !head.keepAlive || head.wantsWebSocket
  }

  open(handler: ExchangeHandler): void {
    this.#handler = handler
  }

  read(): void {
    this.resume()
  }

  pause(): void {
    this.isHungry = false
    this.#owner.onAppetite()
  }

  resume(): void {
    this.isHungry = true
    this.#owner.onAppetite()
  }

  inform(status: number, headers: RawHeaders): void {
    if (this.httpVersion === '1.0' || this.#isHeadGiven || this.#isEnded) return
    if (status === 100) {
      this.#isContinued = true
      this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
    } else if (status === 103) {
      const head = { status, reason: 'Early Hints', headers: linksOf(headers) }
      this.#socket.write(renderHead(head), 'latin1')
    }
  }

  respond(head: ResponseHead): void {
    if (this.#isEnded || this.#isHeadGiven) return
    this.#isHeadGiven = true
    this.#applyFraming(head)
    this.#unsent = renderHead(head)
    // The body often comes within the same turn, and then goes into the same write.
    process.nextTick(flush, this)
  }

  switchProtocols(headers: RawHeaders): void {
    if (!this.wantsWebSocket) {
      throw new ProxyError('internal', 'Cannot switch protocols: not asked for')
    }
    headers.push('Connection', 'Upgrade', 'Upgrade', 'websocket')
    const head = { status: 101, reason: 'Switching Protocols', headers }
    this.#isHeadGiven = true
    this.isTunnel = true
    this.#socket.write(renderHead(head), 'latin1')
    this.resume()
  }

  write(chunk: Uint8Array, onTaken?: () => void): boolean {
    if (this.#isEnded || chunk.length === 0) return true
    this.bytesOut += chunk.length
    const before = this.#takeUnsent(chunk.length)
    const after = this.#isChunked ? '\r\n' : ''
    if (before === '' && after === '') return this.#writePiece(chunk, onTaken)
    if (chunk.length <= SMALL_PIECE_BYTES && !onTaken) {
      return this.#socket.write(before + textOf(chunk) + after, 'latin1')
    }
    this.#socket.cork()
    if (before !== '') this.#socket.write(before, 'latin1')
    let isTaken = this.#writePiece(chunk, onTaken)
    if (after !== '') isTaken = this.#socket.write(after, 'latin1')
    this.#socket.uncork()
    return isTaken
  }

  end(chunk?: Uint8Array, trailers: RawHeaders = []): void {
    if (this.#isEnded) return
    const short = chunk && chunk.length <= SMALL_PIECE_BYTES ? chunk : undefined
    if (chunk && !short) this.write(chunk)
    let text = this.#takeUnsent(short?.length ?? 0)
    if (short && short.length > 0) {
      this.bytesOut += short.length
      text += this.#isChunked ? `${textOf(short)}\r\n` : textOf(short)
    }
    if (this.#isChunked) text += `0\r\n${renderFields(trailers)}\r\n`
    this.#isEnded = true
    if (this.isTunnel) this.#socket.end(text, 'latin1', () => this.#socket.destroy())
    else if (text !== '') this.#socket.write(text, 'latin1', this.#onWritten)
    else if (this.#taking.length === 0) process.nextTick(this.#onWritten)
    else this.#endsWithPiece = true
  }

  reset(): void {
    this.#isEnded = true
    this.endsConnection = true
    this.#socket.destroy()
  }

  // What the connection says.

  deliver(chunk: Uint8Array): void {
    this.bytesIn += chunk.length
    this.#handler?.onRequestData(chunk)
  }

  complete(trailers: RawHeaders): void {
    this.isRequestComplete = true
    if (this.bodyLength !== 0 || this.isTunnel) this.#handler?.onRequestEnd(trailers)
  }

  /** The connection found the body broken. */
  fail(error: ProxyError): void {
    this.endsConnection = true
    this.#handler?.onRequestError(error)
  }

  onDrain(): void {
    this.#handler?.onDrain()
  }

  /** The whole response has been given to the socket. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  onSocketClose(): void {
    this.#close(this.isTunnel && this.#socket.writableFinished)
  }

  /** Sends the head where no piece of the body came to take it along. */
  flush(): void {
    if (this.#unsent === '' || this.#isEnded) return
    this.#socket.write(this.#unsent, 'latin1')
    this.#unsent = ''
  }

  /** A failed write is told by the end of the socket. */
  readonly #onWritten = (error?: Error | null): void => {
    if (error) return
    this.#close(true)
    this.#owner.onAnswered(this)
  }

  readonly #onPieceWritten = (error?: Error | null): void => {
    const onTaken = this.#taking.shift()
    if (error) return
    onTaken?.()
    if (this.#endsWithPiece && this.#taking.length === 0) this.#onWritten()
  }

  #close(completed: boolean): void {
    this.#isEnded = true
    const handler = this.#handler
    this.#handler = undefined
    handler?.onClose(completed)
  }

  #applyFraming(head: ResponseHead): void {
    const { headers } = head
    if (head.bodyLength >= 0) {
      if (head.status !== 204) headers.push('Content-Length', String(head.bodyLength))
    } else if (!head.bodiless && this.httpVersion === '1.1') {
      this.#isChunked = true
      headers.push('Transfer-Encoding', 'chunked')
    } else if (!head.bodiless) this.endsConnection = true
    if (!hasDate(headers)) headers.push('Date', this.#owner.dateText())
    if (this.#isLast()) this.endsConnection = true
    if (this.endsConnection) headers.push('Connection', 'close')
    // Persistence goes without saying in HTTP/1.1 (RFC 9112 section 9.3).
    else if (this.httpVersion === '1.0') headers.push('Connection', 'keep-alive')
  }

  /** No request can follow: we are going, or a body may come that nobody asked for. */
  #isLast(): boolean {
    return this.#owner.isDraining || (this.expectsContinue && !this.#isContinued)
  }

  /** Takes what stands before a piece of the body. */
  #takeUnsent(length: number): string {
    const text = this.#unsent
    this.#unsent = ''
    return this.#isChunked && length > 0 ? `${text}${length.toString(16)}\r\n` : text
  }

  #writePiece(chunk: Uint8Array, onTaken: (() => void) | undefined): boolean {
    this.#taking.push(onTaken)
    return this.#socket.write(chunk, this.#onPieceWritten)
  }
}

function flush(exchange: Http1Exchange): void {
  exchange.flush()
}

function textOf(chunk: Uint8Array): string {
  const { buffer, byteOffset, length } = chunk
  return Buffer.isBuffer(chunk)
    ? chunk.toString('latin1')
    : Buffer.from(buffer, byteOffset, length).toString('latin1')
}

function hasDate(headers: RawHeaders): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]
    if (name?.length === 4 && name.toLowerCase() === 'date') return true
  }
  return false
}

/** Early hints are links; other fields of theirs would only be lost in the answer's. */
function linksOf(headers: RawHeaders): RawHeaders {
  const links: RawHeaders = []
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === 'link') links.push('Link', headers[i + 1] ?? '')
  }
  return links
}
