import { isIP } from 'node:net'

import ipaddr from 'ipaddr.js'

/**
 * Where an address leads, by the special-purpose registries of IANA (RFC 6890) and the clouds' habits:
 * `global`: anywhere on the Internet; `private` and `loopback`: inside, where an installation of a
 * company may have its names; the others: nowhere that a web server or a name server can be.
 */
export type AddressKind =
  | 'global'
  | 'private'
  | 'loopback'
  | 'link-local'
  | 'multicast'
  | 'metadata'
  | 'reserved'

/** Anything that is not an address is `reserved`: nothing can be sent there. */
export function kindOfAddress(address: string): AddressKind {
  if (isIP(address) === 0 || address.includes('%')) return 'reserved'
  const parsed = ipaddr.parse(address)
  return parsed instanceof ipaddr.IPv4 ? kindOf4(parsed) : kindOf6(parsed)
}

type Network<Address> = readonly [[Address, number], Exclude<AddressKind, 'global'>]

const NETWORKS_4 = networks<ipaddr.IPv4>({
  '0.0.0.0/8': 'reserved',
  '10.0.0.0/8': 'private',
  // Shared by the customers of a carrier (RFC 6598); a cloud keeps its metadata in it.
  '100.100.100.200/32': 'metadata',
  '100.64.0.0/10': 'private',
  '127.0.0.0/8': 'loopback',
  '169.254.169.254/32': 'metadata',
  '169.254.0.0/16': 'link-local',
  '172.16.0.0/12': 'private',
  '192.0.0.0/24': 'reserved',
  '192.0.2.0/24': 'reserved',
  '192.88.99.0/24': 'reserved',
  '192.168.0.0/16': 'private',
  '198.18.0.0/15': 'reserved',
  '198.51.100.0/24': 'reserved',
  '203.0.113.0/24': 'reserved',
  '224.0.0.0/4': 'multicast',
  '240.0.0.0/4': 'reserved',
})

const NETWORKS_6 = networks<ipaddr.IPv6>({
  '::1/128': 'loopback',
  'fd00:ec2::254/128': 'metadata',
  'fd20:ce::254/128': 'metadata',
  'fc00::/7': 'private',
  'fe80::/10': 'link-local',
  // Site-local, given up (RFC 3879) but still routed inside some sites.
  'fec0::/10': 'private',
  'ff00::/8': 'multicast',
  // Protocol assignments, Teredo among them: its IPv4 address is the sender's to choose.
  '2001::/23': 'reserved',
  '2001:db8::/32': 'reserved',
  '3fff::/20': 'reserved',
})

/**
 * Forms of IPv6 that lead to the IPv4 address in them, and where it begins, in bytes: mapped and
 * compatible (RFC 4291 section 2.5.5), translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056).
 */
const EMBEDDING = [
  ['::ffff:0:0/96', 12],
  ['::ffff:0:0:0/96', 12],
  ['64:ff9b::/96', 12],
  ['2002::/16', 2],
  ['::/96', 12],
] as const satisfies [string, number][]
const EMBEDDING_NETWORKS = EMBEDDING.map(
  ([network, at]) => [ipaddr.IPv6.parseCIDR(network), at] as const,
)
/** All of IPv6 that was ever given out (RFC 4291 section 2.4). */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

function kindOf4(address: ipaddr.IPv4): AddressKind {
  return NETWORKS_4.find(([network]) => address.match(network))?.[1] ?? 'global'
}

function kindOf6(address: ipaddr.IPv6): AddressKind {
  const special = NETWORKS_6.find(([network]) => address.match(network))
  if (special) return special[1]
  const embedding = EMBEDDING_NETWORKS.find(([network]) => address.match(network))
  if (embedding) {
    const [, at] = embedding
    return kindOf4(new ipaddr.IPv4(address.toByteArray().slice(at, at + 4)))
  }
  return address.match(GLOBAL_UNICAST) ? 'global' : 'reserved'
}

function networks<Address extends ipaddr.IPv4 | ipaddr.IPv6>(
  table: Record<string, Exclude<AddressKind, 'global'>>,
): Network<Address>[] {
  return Object.entries(table).map(([network, kind]) => {
    // Each table holds networks of one family.
    return [ipaddr.parseCIDR(network) as [Address, number], kind]
  })
}
