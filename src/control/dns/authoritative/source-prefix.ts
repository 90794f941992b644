import ipaddr from 'ipaddr.js'

const IPV6_PREFIX_BYTES = 7

/**
 * Whom a limit is for: one that is given to an address would be given anew to each of the addresses
 * that a single sender has. IPv4 counts by /24 and IPv6 by /56, IPv4 in IPv6 as what it is.
 */
export function prefixOf(address: string): string {
  if (!address.includes(':')) return address.slice(0, address.lastIndexOf('.'))
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return prefixOf(parsed.toString())
  return Buffer.from(parsed.toByteArray().slice(0, IPV6_PREFIX_BYTES)).toString('hex')
}
