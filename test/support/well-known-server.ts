import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'

import type { DevChain } from '#test/dev-certs.ts'

export interface WellKnownServer extends AsyncDisposable {
  readonly port: number
  /** `METHOD host path`, in order of arrival. */
  readonly requests: readonly string[]
  readonly userAgents: readonly string[]
  /** Resolves when the next request has arrived. */
  nextRequest(): Promise<void>
  close(): Promise<void>
}

export interface WellKnownServerOptions {
  /** @default '127.0.0.1' */
  address?: string
  /** @default a free one */
  port?: number
  /** Serves HTTPS with it. */
  tls?: DevChain
}

/** A customer's web server on loopback; closing it cuts what is open. */
export async function startWellKnownServer(
  handler: RequestListener,
  options: WellKnownServerOptions = {},
): Promise<WellKnownServer> {
  const { address = '127.0.0.1', port = 0, tls } = options
  const requests: string[] = []
  const userAgents: string[] = []
  const sockets = new Set<Socket>()
  const listener: RequestListener = (request, response) => {
    requests.push(`${request.method} ${request.headers.host} ${request.url}`)
    userAgents.push(request.headers['user-agent'] ?? '')
    handler(request, response)
    server.emit('arrived')
  }
  const server: Server = tls
    ? createTlsServer({ cert: tls.certPem, key: tls.keyPem }, listener)
    : createServer(listener)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(port, address)
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    port: portOf(server.address()),
    requests,
    userAgents,
    nextRequest: async () => void (await once(server, 'arrived')),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return address.port
}
