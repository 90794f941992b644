import type { Duplex } from 'node:stream'

import type { Binding } from '#domain/binding.ts'
import type { KeyAlgorithm } from '#domain/certificate.ts'
import type { Hostname } from '#domain/hostname.ts'

/** One downstream connection, after the handshake if it has one: what every request on it shares. */
export interface Connection {
  readonly scheme: 'https' | 'http'
  /** The client's address as text, without an IPv4-in-IPv6 prefix. */
  readonly remoteAddress: string
  readonly remotePort: number
  /** The port it was accepted on. */
  readonly localPort: number
  /** Undefined on plain HTTP. */
  readonly tls: ConnectionTls | undefined
}

export interface ConnectionTls {
  /** The name the handshake was for: SNI, or the default hostname. */
  readonly serverName: Hostname
  /** The binding that the handshake used; its certificate says which names the connection may serve. */
  readonly binding: Binding
  readonly version: string
  readonly cipher: string
  readonly resumed: boolean
  /** Of the certificate shown; undefined on a resumed session. */
  readonly keyAlgorithm: KeyAlgorithm | undefined
  readonly alpn: 'h2' | 'http/1.1'
}

/**
 * A protocol room: takes a connection over and owns its socket from then on. Both yield the same
 * `Exchange` to the proxy.
 */
export interface ProtocolServer {
  accept(socket: Duplex, connection: Connection): void
  /** Connections held now. */
  readonly openConnections: number
  /**
   * Says goodbye (Connection: close, GOAWAY), waits for running exchanges, ends what is left when
   * `signal` aborts. Idempotent.
   */
  drain(signal: AbortSignal): Promise<void>
}

/** Where a request finds the binding of its host. Answers from memory are synchronous. */
export interface BindingLookup {
  /**
   * @returns undefined where the name is not ours
   * @throws {DirectoryError} (as a rejection) when it is not in memory and the directory cannot answer
   */
  find(name: Hostname): Binding | undefined | Promise<Binding | undefined>
}

/** Whether the certificate that a connection showed is valid for a name (RFC 6125 section 6.4). */
export function covers(tls: ConnectionTls, name: Hostname): boolean {
  const { hostname, wildcard } = tls.binding
  if (name === hostname) return true
  return wildcard && name.slice(name.indexOf('.') + 1) === hostname
}
