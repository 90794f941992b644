import { createServer, type Server, type Socket } from 'node:net'

import type { ListenAddress } from '#config/config.ts'
import type { Logger } from '#lib/log.ts'
import type { Cell } from '#lib/metrics.ts'

import type { ProtocolServer } from '../connection.ts'
import { listen } from '../listen.ts'

export interface PlainListenerOptions {
  address: ListenAddress
  http1: ProtocolServer
  logger: Logger
  /** Connections that were not accepted because there were too many. */
  dropped: Cell
  /** Connections of the port in this process; more are closed at once: above what the room keeps. @default 65_536 */
  maxConnections?: number
}

/** Port 80 of one worker: accepts and hands over; the HTTP/1.1 room does the rest, deadlines included. */
export class PlainListener {
  readonly #server: Server
  readonly #http1: ProtocolServer
  #address: ListenAddress

  /** @throws {ListenError} */
  static async start(options: PlainListenerOptions): Promise<PlainListener> {
    const listener = new PlainListener(options)
    listener.#address = await listen(listener.#server, options.address, { reusePort: true })
    return listener
  }

  private constructor(options: PlainListenerOptions) {
    const { address, http1, logger, dropped, maxConnections = 65_536 } = options
    this.#address = address
    this.#http1 = http1
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
    this.#server.maxConnections = maxConnections
    this.#server.on('drop', () => (dropped.value += 1))
    this.#server.on('error', (error) => logger.warn({ err: error }, 'cannot accept connections'))
  }

  /** With the port that was picked where 0 was asked. */
  get address(): ListenAddress {
    return this.#address
  }

  /** Stops accepting. Connections are the room's to close. */
  close(): void {
    this.#server.close()
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    this.#http1.accept(socket, {
      scheme: 'http',
      remoteAddress: remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress,
      remotePort,
      localPort: this.#address.port,
      tls: undefined,
    })
  }
}
