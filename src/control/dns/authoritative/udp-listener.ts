import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'

import type { ListenAddress } from '#lib/listen-address.ts'
import { toListenError } from '#lib/listen-error.ts'
import type { Logger } from '#lib/log.ts'

import type { Handler } from './handler.ts'

export interface UdpListenerOptions {
  address: ListenAddress
  handle: Handler
  log: Logger
}

/** Answers that the system has not taken; beyond it they are as lost as any packet may be. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024

/** One UDP socket. */
export class UdpListener {
  readonly #socket: Socket
  readonly #handle: Handler
  readonly #log: Logger
  readonly #answering = new Set<Promise<void>>()
  #isClosed = false

  /** @throws {ListenError} */
  static async start(options: UdpListenerOptions): Promise<UdpListener> {
    const listener = new UdpListener(options)
    await listener.#bind(options.address)
    return listener
  }

  private constructor({ address, handle, log }: UdpListenerOptions) {
    this.#handle = handle
    this.#log = log
    this.#socket = createSocket(isIPv6(address.host) ? 'udp6' : 'udp4')
  }

  /** Answers what has come, then closes. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.removeAllListeners('message')
    await Promise.all(this.#answering)
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()))
  }

  #bind(address: ListenAddress): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onError = (error: Error): void => {
      this.#socket.close()
      reject(toListenError(error, address))
    }
    this.#socket.once('error', onError)
    this.#socket.bind({ address: address.host, port: address.port, exclusive: true }, () => {
      this.#socket.removeListener('error', onError)
      this.#socket.on('error', (error) => this.#log.warn({ err: error }, 'DNS over UDP failed'))
      this.#socket.on('message', (message, peer) => this.#receive(message, peer))
      resolve()
    })
    return promise
  }

  #receive(message: Buffer, peer: RemoteInfo): void {
    // From a forged packet; there is no such port to answer to.
    if (peer.port === 0) return
    const answering = this.#answer(message, peer)
      .catch((error: unknown) => this.#log.error({ err: error }, 'DNS query was not answered'))
      .finally(() => this.#answering.delete(answering))
    this.#answering.add(answering)
  }

  async #answer(message: Buffer, peer: RemoteInfo): Promise<void> {
    const reply = await this.#handle(message, { transport: 'udp', address: peer.address })
    if (!reply || this.#socket.getSendQueueSize() > MAX_UNSENT_BYTES) return
    // Whether it arrives is the asker's to find out.
    this.#socket.send(reply, peer.port, peer.address, () => {})
  }
}
