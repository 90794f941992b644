import { isWithin } from '#domain/hostname.ts'
import { defaultNameServer, parseNameServers, type NameServer } from '#domain/name-server.ts'
import { parseIpListenAddress, type ListenAddress } from '#lib/listen-address.ts'
import { parseList } from '#lib/setting-forms.ts'
import type { SettingMistake, SettingsReader, SettingsTable } from '#lib/settings.ts'

import { inForm, parseOperatorHostname } from './forms.ts'

/** The built-in authoritative server of the DCV zone. */
export interface DnsServerConfig {
  zone: string
  /** IP addresses, each by UDP and TCP. */
  listen: readonly ListenAddress[]
  /** What the zone says its name servers are: at least one. */
  nameServers: readonly NameServer[]
}

export const DNS_SERVER_SETTINGS = {
  CUSTOS_DCV_ZONE: { unset: 'none', meaning: 'Name of the DCV delegation zone' },
  CUSTOS_DNS_LISTEN: { unset: 'off', meaning: 'ip:port,… of the DNS server of the DCV zone' },
  CUSTOS_DNS_NS: {
    unset: 'ns1.<DCV zone>',
    meaning: 'Name servers of the DCV zone, each a name and its addresses',
  },
} as const satisfies SettingsTable

type Reader = Pick<SettingsReader<typeof DNS_SERVER_SETTINGS>, 'optional' | 'isSet' | 'nameOf'>

export function readDnsServerConfig(of: Reader): {
  dcvZone: string | undefined
  dnsServer: DnsServerConfig | undefined
} {
  const dcvZone = of.optional('CUSTOS_DCV_ZONE', parseOperatorHostname)
  const listen = of.optional('CUSTOS_DNS_LISTEN', (text) =>
    parseList(text).map(parseIpListenAddress),
  )
  const named = of.optional('CUSTOS_DNS_NS', (text) =>
    inForm(() => parseNameServers(parseList(text))),
  )
  if (!listen || dcvZone === undefined) return { dcvZone, dnsServer: undefined }
  const nameServers = named ?? [defaultNameServer(dcvZone, listen)]
  return { dcvZone, dnsServer: { zone: dcvZone, listen, nameServers } }
}

/** What is wrong with the DNS server's settings taken together. */
export function incompleteDnsServer(
  of: Reader,
  dns: DnsServerConfig | undefined,
): SettingMistake[] {
  if (!of.isSet('CUSTOS_DNS_LISTEN')) {
    const message = 'is for the built-in DNS server only: set CUSTOS_DNS_LISTEN, or remove it'
    return of.isSet('CUSTOS_DNS_NS') ? [{ name: of.nameOf('CUSTOS_DNS_NS'), message }] : []
  }
  if (!of.isSet('CUSTOS_DCV_ZONE')) {
    return [{ name: 'CUSTOS_DCV_ZONE', message: 'must be set when CUSTOS_DNS_LISTEN is' }]
  }
  return (dns?.nameServers ?? [])
    .filter(({ name, addresses }) => addresses.length > 0 && !isWithin(name, dns?.zone ?? ''))
    .map(({ name }) => ({
      name: of.nameOf('CUSTOS_DNS_NS'),
      message: `must give addresses only to names in ${dns?.zone}: gives some to ${name}`,
    }))
}

/** A name server in the zone that has no address there: who checks the delegation calls it lame. */
export function unreachableNameServers(dns: DnsServerConfig | undefined): SettingMistake[] {
  return (dns?.nameServers ?? [])
    .filter(({ name, addresses }) => addresses.length === 0 && isWithin(name, dns?.zone ?? ''))
    .map(({ name }) => ({
      name: 'CUSTOS_DNS_NS',
      message: `should give the public addresses of ${name}, which lies in the zone itself`,
    }))
}
