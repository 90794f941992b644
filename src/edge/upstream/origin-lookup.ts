import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'

import type { Clock } from '#lib/clock.ts'

export interface OriginLookupOptions {
  clock: Clock
  /** Asks for all addresses of a name. @default the system's resolver (getaddrinfo) */
  resolve?: (host: string) => Promise<LookupAddress[]>
  /** How long an answer is used again, in milliseconds. @default 5000 */
  cacheMs?: number
  /** Names remembered at most. @default 1000 */
  maxNames?: number
}

interface Remembered {
  addresses: Promise<LookupAddress[]>
  until: number
}

const LOOPBACK: LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/**
 * Look-ups of origins, in the form that `net.connect` takes. Names under .localhost are loopback
 * without asking anyone (RFC 6761 section 6.3). Look-ups of one name that overlap are one look-up:
 * getaddrinfo has four threads, and a burst of new connections must not fill them.
 */
export function createOriginLookup(options: OriginLookupOptions): LookupFunction {
  const { clock, resolve = resolveWithSystem, cacheMs = 5000, maxNames = 1000 } = options
  const remembered = new Map<string, Remembered>()

  const find = (host: string): Promise<LookupAddress[]> => {
    if (host === 'localhost' || host.endsWith('.localhost')) return Promise.resolve(LOOPBACK)
    const known = remembered.get(host)
    if (known && known.until > clock.now()) return known.addresses
    const entry = { addresses: resolve(host), until: clock.now() + cacheMs }
    // A failure is never remembered.
    entry.addresses.catch(() => {
      if (remembered.get(host) === entry) remembered.delete(host)
    })
    remembered.delete(host)
    remembered.set(host, entry)
    const oldest = remembered.size > maxNames ? remembered.keys().next().value : undefined
    if (oldest !== undefined) remembered.delete(oldest)
    return entry.addresses
  }

  return (host, lookupOptions, callback) => {
    const all = lookupOptions.all === true
    find(host).then(
      (addresses) => answer(addresses, all, callback),
      (error: unknown) => refuse(toErrno(error), callback),
    )
  }
}

function answer(
  addresses: LookupAddress[],
  all: boolean,
  callback: Parameters<LookupFunction>[2],
): void {
  const [first] = addresses
  if (!first) return refuse(toErrno(new Error('Cannot look up origin: no address')), callback)
  if (all) callback(null, addresses)
  else callback(null, first.address, first.family)
}

function refuse(error: NodeJS.ErrnoException, callback: Parameters<LookupFunction>[2]): void {
  callback(error, '')
}

/** Whatever failed, in the form by which a look-up is told from other failures. */
function toErrno(cause: unknown): NodeJS.ErrnoException {
  const message = cause instanceof Error ? cause.message : String(cause)
  const error: NodeJS.ErrnoException = new Error(message, { cause })
  error.code = 'ENOTFOUND'
  error.syscall = 'getaddrinfo'
  return error
}

function resolveWithSystem(host: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    systemLookup(host, { all: true }, (error, addresses) =>
      error ? reject(error) : resolve(addresses),
    )
  })
}
