import { createServer, type Server } from 'node:net'

import type { ListenAddress } from '#lib/listen-address.ts'
import { toListenError } from '#lib/listen-error.ts'

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
    const onError = (error: Error): void => reject(toListenError(error, address))
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
