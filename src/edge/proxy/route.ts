import type { Binding } from '#domain/binding.ts'
import type { Hostname } from '#domain/hostname.ts'

import type { BindingLookup, Connection } from '../connection.ts'
import { ProxyError } from '../error.ts'
import type { Exchange } from '../exchange.ts'
import { targetOf, type Target } from '../upstream/target.ts'

/** Where a request goes. */
export interface Route {
  target: Target
  /** Early hints (103) are passed on. */
  earlyHints: boolean
}

/**
 * Finds the origin of the request's host. While the directory cannot answer, the binding that the
 * handshake used is still good for its own name.
 *
 * @throws {ProxyError} (also as a rejection) where the host is not to be served
 */
export function findRoute(exchange: Exchange, bindings: BindingLookup): Route | Promise<Route> {
  const { hostname, connection } = exchange
  if (hostname === undefined) throw new ProxyError('unknown_host', 'No host name')
  const found = bindings.find(hostname)
  if (!(found instanceof Promise)) return routeOf(found, hostname)
  return found
    .catch((error: unknown) => staleBinding(connection, hostname, error))
    .then((binding) => routeOf(binding, hostname))
}

function routeOf(binding: Binding | undefined, hostname: Hostname): Route {
  if (!binding) throw new ProxyError('unknown_host', 'No binding')
  if (binding.missing.length > 0) throw new ProxyError('not_ready', 'Binding is not complete')
  if (!binding.origin) throw new ProxyError('no_origin', 'Binding has no origin')
  return { target: targetOf(binding.origin, hostname), earlyHints: binding.tls.earlyHints }
}

function staleBinding(connection: Connection, hostname: Hostname, cause: unknown): Binding {
  const binding = connection.tls?.binding
  if (binding?.hostname === hostname) return binding
  throw new ProxyError('directory_unavailable', 'Cannot find binding', { cause })
}
