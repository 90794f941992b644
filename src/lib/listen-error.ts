import { renderListenAddress, type ListenAddress } from './listen-address.ts'

export type ListenErrorKind = 'address-in-use' | 'address-not-available' | 'permission-denied'

/** A port cannot be listened on; the message is one line for whoever started the program. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly kind: ListenErrorKind
  readonly address: ListenAddress

  constructor(kind: ListenErrorKind, address: ListenAddress, options?: ErrorOptions) {
    super(`Cannot listen on ${renderListenAddress(address)}: ${SENTENCES[kind]}`, options)
    this.kind = kind
    this.address = address
  }
}

const SENTENCES = {
  'address-in-use': 'another process has the port',
  'address-not-available': 'this machine has no such address',
  'permission-denied': 'not permitted (ports below 1024 need CAP_NET_BIND_SERVICE)',
} as const satisfies Record<ListenErrorKind, string>

const KINDS: Readonly<Record<string, ListenErrorKind>> = {
  EADDRINUSE: 'address-in-use',
  EADDRNOTAVAIL: 'address-not-available',
  ENOTFOUND: 'address-not-available',
  EACCES: 'permission-denied',
}

/** What `listen` failed with, as a `ListenError` where it is one of its kinds. */
export function toListenError(error: unknown, address: ListenAddress): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const kind = KINDS[code]
  return kind ? new ListenError(kind, address, { cause: error }) : error
}
