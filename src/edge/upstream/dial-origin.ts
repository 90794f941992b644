import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

import { checkOriginIdentity, type OriginTls } from './origin-tls.ts'
import type { Target } from './target.ts'

export interface DialOptions {
  lookup: LookupFunction
  tls: OriginTls
  /** TLS session to resume. */
  session: Buffer | undefined
  /** Where the next read goes. */
  nextBuffer: () => Buffer
  /** So many bytes were read; false stops reading. */
  onRead: (length: number) => boolean
  /** TCP is there, TLS begins. */
  onSecuring: () => void
  onOpen: () => void
  onSession: (session: Buffer) => void
}

const TCP_KEEP_ALIVE_MS = 30_000

/** Starts a connection to an origin; errors and the end come as the socket's events. */
export function dialOrigin(target: Target, options: DialOptions): Socket {
  const { host, port, serverName } = target
  const common = {
    host,
    port,
    lookup: options.lookup,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    onread: { buffer: options.nextBuffer, callback: options.onRead },
  }
  if (serverName === undefined) return connectTcp(common).once('connect', options.onOpen)
  const socket = connectTls({
    ...common,
    servername: serverName,
    secureContext: options.tls.context,
    ALPNProtocols: ['http/1.1'],
    checkServerIdentity: (_, certificate) => checkOriginIdentity([serverName, host], certificate),
    ...(options.session && { session: options.session }),
  })
  socket.once('connect', options.onSecuring)
  socket.once('secureConnect', options.onOpen)
  socket.on('session', options.onSession)
  return socket
}
