import type { Socket } from 'node:net'

import type { Clock, Timer } from '#lib/clock.ts'

import { HEADER_BYTES } from '../wire.ts'
import type { Handler } from './handler.ts'

export interface TcpConnectionOptions {
  socket: Socket
  handle: Handler
  clock: Clock
  limits: TcpConnectionLimits
  /** A whole query came: the connection is in use. */
  onQuery: () => void
  onFailure: (error: unknown) => void
}

export interface TcpConnectionLimits {
  /** From one whole query, or its answer, to the next: a slow sender is an idle one. @default 10000 */
  idleMs: number
  /** Of a query. @default 4096 */
  messageBytes: number
  /** Queries being answered at a time; the next is not read before. @default 32 */
  inFlight: number
}

const LENGTH_BYTES = 2
/** A client that does not take its answers does not hold up a server that stops. */
const FINISH_MS = 1_000

/** DNS over one TCP connection (RFC 7766): queries may follow each other, answers go out when ready. */
export class TcpConnection {
  readonly #options: TcpConnectionOptions
  readonly #socket: Socket
  #unread: Buffer = Buffer.alloc(0)
  #inFlight = 0
  #hasEnded = false
  #timer: Timer | undefined

  constructor(options: TcpConnectionOptions) {
    this.#options = options
    this.#socket = options.socket
    this.#socket.on('data', (chunk: Buffer) => {
      this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk])
      this.#readOn()
    })
    this.#socket.on('end', () => {
      this.#hasEnded = true
      this.#readOn()
    })
    this.#socket.on('drain', () => this.#readOn())
    this.#socket.on('error', () => {})
    this.#socket.once('close', () => this.#timer?.cancel())
    this.#restartTimer()
  }

  /** Nothing is being answered: to close it loses nothing. */
  get isIdle(): boolean {
    return this.#inFlight === 0
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Reads no more; closes when what was asked is answered and taken, or a moment later. */
  finish(): void {
    this.#hasEnded = true
    this.#unread = Buffer.alloc(0)
    this.#restartTimer(FINISH_MS)
    this.#endWhenDone()
  }

  #readOn(): void {
    while (!this.#isFull()) {
      const message = this.#nextMessage()
      if (!message) break
      void this.#answer(message)
    }
    if (this.#isFull()) this.#socket.pause()
    else this.#socket.resume()
    this.#endWhenDone()
  }

  /** A client that does not take its answers gets no further ones. */
  #isFull(): boolean {
    return this.#inFlight >= this.#options.limits.inFlight || this.#socket.writableNeedDrain
  }

  /** Each message has its length in front (RFC 1035 section 4.2.2). */
  #nextMessage(): Buffer | undefined {
    if (this.#socket.destroyed || this.#unread.length < LENGTH_BYTES) return undefined
    const length = this.#unread.readUInt16BE(0)
    if (length < HEADER_BYTES || length > this.#options.limits.messageBytes) {
      this.destroy()
      return undefined
    }
    const end = LENGTH_BYTES + length
    if (this.#unread.length < end) return undefined
    const message = this.#unread.subarray(LENGTH_BYTES, end)
    this.#unread = this.#unread.subarray(end)
    return message
  }

  async #answer(message: Buffer): Promise<void> {
    this.#inFlight += 1
    this.#restartTimer()
    this.#options.onQuery()
    const reply = await this.#options
      .handle(message, { transport: 'tcp' })
      .catch((error: unknown) => this.#options.onFailure(error))
    this.#inFlight -= 1
    if (this.#socket.destroyed) return
    if (!reply) return this.destroy()
    this.#socket.write(withLength(reply))
    this.#readOn()
  }

  #endWhenDone(): void {
    if (!this.#hasEnded || this.#inFlight > 0 || this.#socket.destroyed) return
    if (this.#hasWholeMessage()) return
    this.#socket.destroySoon()
  }

  #hasWholeMessage(): boolean {
    if (this.#unread.length < LENGTH_BYTES) return false
    return this.#unread.length >= LENGTH_BYTES + this.#unread.readUInt16BE(0)
  }

  /** Only whole queries move the deadline: one byte a second does not keep a connection. */
  #restartTimer(ms = this.#options.limits.idleMs): void {
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(ms, () => this.destroy())
  }
}

function withLength(message: Buffer): Buffer {
  const framed = Buffer.alloc(LENGTH_BYTES + message.length)
  framed.writeUInt16BE(message.length)
  message.copy(framed, LENGTH_BYTES)
  return framed
}
