import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

import type { Hostname } from '#domain/hostname.ts'

import type { Connection } from '../connection.ts'
import type { ProxyError } from '../error.ts'
import type { Exchange, ExchangeHandler, RawHeaders, ResponseHead } from '../exchange.ts'
import type { RequestHead } from '../request-head.ts'
import { renderHead } from './render-head.ts'

/**
 * A WebSocket handshake on HTTP/1.1: the last exchange of its connection, whose socket it owns. Either
 * the handshake is granted and bytes go both ways, or it is answered like any request and closed.
 */
export class TunnelExchange implements Exchange {
  readonly connection: Connection
  readonly httpVersion = '1.1'
  readonly method: string
  readonly hostname: Hostname | undefined
  readonly authority: string
  readonly path: string
  readonly headers: RawHeaders
  readonly bodyLength = 0
  readonly expectsContinue = false
  readonly acceptsTrailers = false
  readonly wantsWebSocket: boolean
  readonly problem: ProxyError | undefined
  bytesIn = 0
  bytesOut = 0
  readonly #socket: Duplex
  /** Bytes that came right behind the handshake. */
  #early: Buffer
  #handler: ExchangeHandler | undefined
  #isChunked = false
  #isEnded = false
  #isPaused = false

  constructor(
    request: IncomingMessage,
    taken: { socket: Duplex; early: Buffer; connection: Connection },
    head: RequestHead,
  ) {
    this.#socket = taken.socket
    this.#early = taken.early
    this.connection = taken.connection
    this.method = request.method ?? ''
    this.hostname = head.hostname
    this.authority = head.authority
    this.path = head.path
    this.headers = head.headers
    this.wantsWebSocket = head.wantsWebSocket
    this.problem = head.problem
    this.#socket.on('error', () => {})
    this.#socket.on('drain', () => this.#handler?.onDrain())
    this.#socket.once('close', () => this.#onClose())
  }

  open(handler: ExchangeHandler): void {
    this.#handler = handler
  }

  read(): void {}

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#socket.resume()
  }

  inform(): void {}

  respond(head: ResponseHead): void {
    const { headers } = head
    if (!head.bodiless && head.bodyLength < 0) {
      this.#isChunked = true
      headers.push('Transfer-Encoding', 'chunked')
    } else if (head.bodyLength >= 0 && head.status !== 204) {
      headers.push('Content-Length', String(head.bodyLength))
    }
    headers.push('Connection', 'close')
    this.#socket.write(renderHead(head), 'latin1')
    // What the client still sends is of no interest, but must not hold up its close.
    this.#socket.resume()
  }

  switchProtocols(headers: RawHeaders): void {
    headers.push('Connection', 'Upgrade', 'Upgrade', 'websocket')
    this.#socket.write(
      renderHead({ status: 101, reason: 'Switching Protocols', headers }),
      'latin1',
    )
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    this.#socket.once('end', () => this.#handler?.onRequestEnd([]))
    if (this.#early.length > 0) this.#onData(this.#early)
    this.#early = Buffer.alloc(0)
    if (!this.#isPaused) this.#socket.resume()
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isEnded || chunk.length === 0) return true
    this.bytesOut += chunk.length
    if (!this.#isChunked) return this.#socket.write(chunk)
    this.#socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    this.#socket.write(chunk)
    return this.#socket.write('\r\n', 'latin1')
  }

  end(chunk?: Uint8Array): void {
    if (this.#isEnded) return
    if (chunk) this.write(chunk)
    this.#isEnded = true
    if (this.#isChunked) this.#socket.write('0\r\n\r\n', 'latin1')
    this.#socket.end(() => this.#socket.destroy())
  }

  reset(): void {
    this.#isEnded = true
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    this.bytesIn += chunk.length
    this.#handler?.onRequestData(chunk)
  }

  #onClose(): void {
    this.#isEnded = true
    const handler = this.#handler
    this.#handler = undefined
    handler?.onClose(this.#socket.writableFinished)
  }
}
