import type { Hostname } from '#domain/hostname.ts'

import { covers, type Connection } from './connection.ts'
import type { ProxyError, ProxyErrorKind } from './error.ts'
import type { RawHeaders } from './exchange.ts'

/** What a request head says, the same for both protocols: the start of an `Exchange`. */
export interface RequestHead {
  hostname: Hostname | undefined
  authority: string
  path: string
  headers: RawHeaders
  bodyLength: number
  expectsContinue: boolean
  acceptsTrailers: boolean
  wantsWebSocket: boolean
  problem: ProxyError | undefined
}

export interface HeadRules {
  connection: Connection
  maxRequestHeaders: number
}

/** Space, controls and # never stand in a request target (RFC 9112 section 3.2). */
// oxlint-disable-next-line no-control-regex -- controls are what is looked for
export const TARGET = /^[^\x00-\x20\x7f#]+$/

export function emptyHead(path: string): RequestHead {
  return {
    hostname: undefined,
    authority: '',
    path,
    headers: [],
    bodyLength: 0,
    expectsContinue: false,
    acceptsTrailers: false,
    wantsWebSocket: false,
    problem: undefined,
  }
}

/** The certificate that this connection showed must be valid for the host (RFC 9110 section 15.5.20). */
export function checkHost(
  hostname: Hostname | undefined,
  connection: Connection,
): ProxyErrorKind | undefined {
  if (hostname === undefined) return connection.tls ? 'misdirected' : 'unknown_host'
  return connection.tls && !covers(connection.tls, hostname) ? 'misdirected' : undefined
}
