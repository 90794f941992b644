import { isIP, isIPv6 } from 'node:net'

import { FormError, quoteReceived } from './form-error.ts'

export interface ListenAddress {
  /** IP address (IPv6 without brackets) or host name. */
  host: string
  /** 0: any free port. */
  port: number
}

const FORM = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):(\d{1,5})$/i

/**
 * `host:port`, where an IPv6 address stands in brackets.
 *
 * @throws {FormError}
 */
export function parseListenAddress(text: string): ListenAddress {
  const [, ipv6, other, digits] = FORM.exec(text) ?? []
  const host = ipv6 ?? other
  if (host === undefined || !isHost(host, ipv6 !== undefined)) {
    throw new FormError(
      `must be host:port, such as 0.0.0.0:8443, [::]:8443 or localhost:8443: received ${quoteReceived(text)}`,
    )
  }
  const port = Number(digits)
  if (port > 65_535) {
    throw new FormError(`port must be from 0 to 65535: received ${quoteReceived(text)}`)
  }
  return { host: host.toLowerCase(), port }
}

/**
 * As `parseListenAddress`, but with an IP address: what is not to depend on a look-up.
 *
 * @throws {FormError}
 */
export function parseIpListenAddress(text: string): ListenAddress {
  const address = parseListenAddress(text)
  if (isIP(address.host) !== 0) return address
  throw new FormError(
    `must be ip:port, such as 192.0.2.53:53 or [2001:db8::53]:53: received ${quoteReceived(text)}`,
  )
}

export function renderListenAddress({ host, port }: ListenAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Listeners of which a second could not start, each with a sentence: better said by name at start
 * than as EADDRINUSE later.
 *
 * @param listeners by the name to use in messages; undefined or none: off
 */
export function findCollisions(
  listeners: Readonly<Record<string, ListenAddress | readonly ListenAddress[] | undefined>>,
): { name: string; message: string }[] {
  const all = Object.entries(listeners).flatMap(([name, given]) =>
    [given ?? []].flat().map((address) => [name, address] as const),
  )
  return all.flatMap(([name, address], index) => {
    const other = all.slice(0, index).find(([, before]) => isSameListener(before, address))
    if (!other) return []
    const rule = other[0] === name ? 'name an address twice' : `be the address of ${other[0]}`
    const message = `must not ${rule}: received ${renderListenAddress(address)}`
    return [{ name, message }]
  })
}

/** The same port on the same address, or on any address and one. Port 0 never collides. */
function isSameListener(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port === 0 || a.port !== b.port) return false
  return a.host === b.host || isWildcard(a.host) || isWildcard(b.host)
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** Digits and dots that are not an IPv4 address would be looked up as a name, and never found. */
function isHost(host: string, bracketed: boolean): boolean {
  if (bracketed) return isIPv6(host)
  return isIP(host) === 4 || !/^[\d.]+$/.test(host)
}
