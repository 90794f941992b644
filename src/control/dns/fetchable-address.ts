import ipaddr from 'ipaddr.js'

const FORBIDDEN_RANGES = new Set(['unspecified', 'broadcast', 'multicast', 'linkLocal', 'reserved'])
/** AWS keeps its metadata service here too, among the unique local addresses. */
const METADATA_IPV6 = 'fd00:ec2::254'

/**
 * Whether an address may be connected to that a stranger's records name: none that only means
 * something inside (link-local, where clouds keep their metadata, multicast, unspecified). Private and
 * loopback addresses stay allowed: an installation inside a company has them.
 */
export function isFetchableAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  return !FORBIDDEN_RANGES.has(parsed.range()) && parsed.toString() !== METADATA_IPV6
}
