import { isWithin } from '#domain/hostname.ts'
import { kindOfAddress } from '#lib/address-kind.ts'
import { parseOneOf } from '#lib/setting-forms.ts'
import type { SettingsReader, SettingsTable } from '#lib/settings.ts'

import type { CaConfig } from './ca.ts'

export const PRIVATE_ADDRESS_SETTINGS = {
  CUSTOS_PRIVATE_ADDRESSES: {
    unset: 'as the CAs are',
    meaning: 'allow or deny: validation asks private addresses',
  },
} as const satisfies SettingsTable

/** Names that DNS does not give out (RFC 6761, RFC 6762, RFC 8375, and ICANN's .internal). */
const INSIDE_DOMAINS = ['localhost', 'test', 'local', 'internal', 'home.arpa']

/**
 * Whether customers' names may lead to private and loopback addresses. Where nobody says so: if no CA
 * that is asked sits on the Internet, which none of them could reach it from, or the installation is one
 * of demos and tests (decisions/013).
 */
export function readPrivateAddresses(
  of: Pick<SettingsReader<typeof PRIVATE_ADDRESS_SETTINGS>, 'optional'>,
  { cas, allowReservedTlds }: { cas: readonly CaConfig[]; allowReservedTlds: boolean },
): boolean {
  const said = of.optional('CUSTOS_PRIVATE_ADDRESSES', (text) =>
    parseOneOf(text, ['allow', 'deny'] as const),
  )
  if (said !== undefined) return said === 'allow'
  return allowReservedTlds || cas.every(isInside)
}

/** The built-in CA, or one whose directory no name or address of the Internet leads to. */
function isInside(ca: CaConfig): boolean {
  if (ca.kind === 'local') return true
  const hostname = URL.parse(ca.directoryUrl)?.hostname ?? ''
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  if (/^[\d.]+$|:/.test(address)) return kindOfAddress(address) !== 'global'
  return !hostname.includes('.') || INSIDE_DOMAINS.some((domain) => isWithin(hostname, domain))
}
