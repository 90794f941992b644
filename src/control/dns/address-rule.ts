import { kindOfAddress, type AddressKind } from '#lib/address-kind.ts'

/**
 * Whether an address may be connected to that a stranger's records name: the owner of a hostname picks
 * its addresses and its name servers, and aims what we send from inside our network (SSRF).
 *
 * @returns undefined where it may; else what the address is, as in "10.0.0.5, which is private"
 */
export type AddressRule = (address: string) => AddressFlaw | undefined

export type AddressFlaw = (typeof FLAWS)[keyof typeof FLAWS]

export interface AddressRuleOptions {
  /** Private and loopback addresses may be connected to: the CA sits inside too. */
  allowPrivate: boolean
  /** The edges' own addresses may be connected to, wherever they lie inside. @default none */
  isEdgeAddress?: (address: string) => boolean
}

const FLAWS = {
  private: 'private',
  loopback: 'a loopback address',
  'link-local': 'link-local',
  multicast: 'a multicast address',
  metadata: 'link-local',
  reserved: 'reserved',
} as const satisfies Record<Exclude<AddressKind, 'global'>, string>

/** Link-local, multicast and reserved addresses never; nor where clouds keep their metadata. */
export function createAddressRule(options: AddressRuleOptions): AddressRule {
  const { allowPrivate, isEdgeAddress = () => false } = options
  return (address) => {
    const kind = kindOfAddress(address)
    if (kind === 'global') return undefined
    const isInside = kind === 'private' || kind === 'loopback'
    return isInside && (allowPrivate || isEdgeAddress(address)) ? undefined : FLAWS[kind]
  }
}
