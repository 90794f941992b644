import ipaddr from 'ipaddr.js'

/** Whether the edges have this address; always false where their prefixes are not known. */
export type IsEdgeAddress = (address: string) => boolean

/** @param prefixes in CIDR form, as the settings have them */
export function createEdgePrefixes(prefixes: readonly string[]): IsEdgeAddress {
  const networks = prefixes.map((prefix) => ipaddr.parseCIDR(prefix))
  return (address) => {
    if (!ipaddr.isValid(address)) return false
    const parsed = ipaddr.process(address)
    return networks.some(
      ([network, length]) => network.kind() === parsed.kind() && parsed.match([network, length]),
    )
  }
}
