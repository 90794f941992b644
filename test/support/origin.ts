import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import type { Duplex } from 'node:stream'

import { WebSocketServer } from 'ws'

import type { BindingOrigin } from '#domain/binding.ts'
import type { DevChain } from '#test/dev-certs.ts'

/** A real origin on loopback. */
export interface Origin extends AsyncDisposable {
  readonly port: number
  /** As a binding names it. */
  readonly origin: BindingOrigin
  /** Connections accepted so far. */
  readonly connections: number
  /** Connections open now. */
  readonly open: number
}

export type OriginHandler = (request: IncomingMessage, response: ServerResponse) => void

export interface OriginOptions {
  /** Speaks TLS with this chain. @default plain HTTP */
  tls?: Pick<DevChain, 'certPem' | 'keyPem'>
  /** @default '127.0.0.1' */
  host?: string
  /** Server name sent to it. @default the request's hostname */
  serverName?: string
  /** Called instead of accepting upgrades by itself. */
  onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Called for Expect: 100-continue. @default node's own: continue */
  onExpectation?: OriginHandler
}

/** An origin made of node's own server. */
export async function startOrigin(
  handler: OriginHandler,
  options: OriginOptions = {},
): Promise<Origin> {
  const { tls } = options
  const server = tls
    ? createHttpsServer({ cert: tls.certPem, key: tls.keyPem }, handler)
    : createHttpServer(handler)
  server.keepAliveTimeout = 60_000
  if (options.onUpgrade) server.on('upgrade', options.onUpgrade)
  if (options.onExpectation) server.on('checkContinue', options.onExpectation)
  return listen(server, options)
}

/** An origin that writes what it likes: `onRequest` is called for each head that has come whole. */
export async function startRawOrigin(
  onRequest: (socket: Socket, head: string, nth: number) => void,
  options: OriginOptions = {},
): Promise<Origin> {
  let requests = 0
  const server = createTcpServer((socket) => {
    let pending = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1')
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end + 4)
        pending = pending.slice(end + 4)
        onRequest(socket, head, ++requests)
      }
    })
  })
  return listen(server, options)
}

/** A WebSocket origin that sends back what it gets. */
export async function startWebSocketEcho(options: OriginOptions = {}): Promise<Origin> {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  return startOrigin((_, response) => response.writeHead(426).end(), {
    ...options,
    onUpgrade: (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        sockets.emit('connection', webSocket, request)
      })
    },
  })
}

/** A port that nothing listens on. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listen(server: Server, options: OriginOptions): Promise<Origin> {
  const { host = '127.0.0.1', serverName, tls } = options
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    origin: { scheme: tls ? 'https' : 'http', host, port, serverName },
    get connections() {
      return connections
    },
    get open() {
      return sockets.size
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
