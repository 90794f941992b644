import type { AddressInfo } from 'node:net'

import type { FastifyInstance } from 'fastify'

export interface ApiAddress {
  host: string
  port: number
}

export type ListenErrorKind = 'address-in-use' | 'address-not-available' | 'permission-denied'

/** The address cannot be listened on; the message is one line for whoever started the program. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly kind: ListenErrorKind
  /** `host:port`. */
  readonly address: string

  constructor(kind: ListenErrorKind, address: string, cause: unknown) {
    super(`Cannot listen on ${address}: ${WORDS[kind]}`, { cause })
    this.kind = kind
    this.address = address
  }
}

const WORDS = {
  'address-in-use': 'another program already listens there',
  'address-not-available': 'this machine has no such address',
  'permission-denied': 'not permitted (ports below 1024 need a capability)',
} as const satisfies Record<ListenErrorKind, string>

const KINDS: Readonly<Record<string, ListenErrorKind>> = {
  EADDRINUSE: 'address-in-use',
  EADDRNOTAVAIL: 'address-not-available',
  EACCES: 'permission-denied',
}

/**
 * @returns the address it listens on: with port 0, the one that was chosen
 * @throws {ListenError}
 */
export async function listenApi(app: FastifyInstance, address: ApiAddress): Promise<ApiAddress> {
  const { host, port } = address
  try {
    await app.listen({ host, port })
  } catch (error) {
    const kind = error instanceof Error && 'code' in error ? KINDS[String(error.code)] : undefined
    throw kind ? new ListenError(kind, renderAddress(address), error) : error
  }
  const bound = app.server.address()
  return isTcp(bound) ? { host: bound.address, port: bound.port } : address
}

function isTcp(bound: AddressInfo | string | null): bound is AddressInfo {
  return typeof bound === 'object' && bound !== null
}

function renderAddress({ host, port }: ApiAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
