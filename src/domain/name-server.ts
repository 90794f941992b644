import ipaddr from 'ipaddr.js'

import { HostnameError, parseHostname, type Hostname } from './hostname.ts'

/** A name server of the DCV delegation zone. */
export interface NameServer {
  name: Hostname
  /** Published where the name lies in the zone itself; IPv6 without brackets. */
  addresses: readonly string[]
}

/** Resolvers look at no more than about a dozen, and all have to fit in an answer. */
const MAX_NAME_SERVERS = 8
const MAX_ADDRESSES = 8

/**
 * Each the name, then its addresses, with blanks between.
 *
 * @throws {HostnameError} with the rule that the value breaks
 */
export function parseNameServers(lines: readonly string[]): NameServer[] {
  const servers = lines.map(parseNameServer)
  if (servers.length > MAX_NAME_SERVERS) {
    const count = `at most ${MAX_NAME_SERVERS} name servers: has ${servers.length}`
    throw new HostnameError('invalid', `must be ${count}`)
  }
  const twice = servers.find(({ name }, i) => servers.findIndex((s) => s.name === name) < i)
  if (twice) throw new HostnameError('invalid', `must not name ${twice.name} twice`)
  return servers
}

/** `ns1` in the zone, at the addresses that are listened on where those are told. */
export function defaultNameServer(
  zone: string,
  listen: readonly { readonly host: string }[],
): NameServer {
  const hosts = listen.map(({ host }) => host).filter((host) => !/^(0\.0\.0\.0|::)$/.test(host))
  const addresses = [...new Set(hosts)]
  return { name: parseHostname(`ns1.${zone}`, { allowReservedTlds: true }), addresses }
}

function parseNameServer(line: string): NameServer {
  const [name = '', ...addresses] = line.trim().split(/\s+/)
  const wrong = addresses.find((address) => !isAddress(address))
  if (wrong !== undefined || addresses.length > MAX_ADDRESSES) {
    const example = 'ns1.dcv.saas.com 192.0.2.53 2001:db8::53'
    throw new HostnameError(
      'invalid',
      `must be a name and up to ${MAX_ADDRESSES} IP addresses, such as ${example}: ${quote(line)}`,
    )
  }
  return { name: parseHostname(name, { allowReservedTlds: true }), addresses }
}

/** Four decimals, or IPv6 without a scope: the forms that can stand in a record. */
function isAddress(text: string): boolean {
  if (text.includes(':')) return ipaddr.IPv6.isValid(text) && !text.includes('%')
  return ipaddr.IPv4.isValidFourPartDecimal(text)
}

function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
}
