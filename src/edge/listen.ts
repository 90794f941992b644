import { createServer, type Server } from 'node:net'

import type { ListenAddress } from '#config'

export type ListenErrorKind = 'address-in-use' | 'address-not-available' | 'permission-denied'

/** A port cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly kind: ListenErrorKind
  readonly address: ListenAddress

  constructor(kind: ListenErrorKind, address: ListenAddress, options?: ErrorOptions) {
    super(`Cannot listen on ${renderAddress(address)}: ${SENTENCES[kind]}`, options)
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

/** As large as Linux takes by default (net.core.somaxconn): a burst waits instead of being refused. */
const BACKLOG = 4_096

/**
 * Whether processes can share a port here, the kernel spreading connections over them. Elsewhere
 * (macOS) Node refuses the option, and one process has to do.
 */
export const CAN_SHARE_PORTS = ['linux', 'freebsd', 'sunos', 'aix'].includes(process.platform)

export interface ListenOptions {
  /** Several processes accept from the same port, where that is possible. */
  reusePort: boolean
}

/**
 * @returns the address with the port that was picked where 0 was asked
 * @throws {ListenError}
 */
export function listen(
  server: Server,
  address: ListenAddress,
  { reusePort }: ListenOptions,
): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const kind = KINDS[error.code ?? '']
      reject(kind ? new ListenError(kind, address, { cause: error }) : error)
    }
    server.once('error', onError)
    server.listen({ ...address, reusePort: reusePort && CAN_SHARE_PORTS, backlog: BACKLOG }, () => {
      server.removeListener('error', onError)
      const bound = server.address()
      const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
      resolve({ host: address.host, port })
    })
  })
}

/**
 * Sees whether nobody listens on the address. Workers cannot tell: `reusePort` would let two
 * installations share a port silently.
 *
 * @throws {ListenError}
 */
export async function checkFree(address: ListenAddress): Promise<void> {
  const server = createServer()
  await listen(server, address, { reusePort: false })
  await new Promise((resolve) => server.close(resolve))
}

export function renderAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
