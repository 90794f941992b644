import type { Hostname } from '#domain/hostname.ts'

/**
 * DNS seen from whoever must know what a customer published. Answers are outcomes, not exceptions:
 * every one of them means something to the customer. Calls reject only with `signal.reason`.
 *
 * Names under `.localhost` are loopback and nobody is asked for them (RFC 6761 section 6.3).
 */
export interface Resolver {
  /** A and AAAA, IPv6 first; found where there is at least one. Aliases are followed. */
  resolveAddresses(name: Hostname, signal: AbortSignal): Promise<DnsOutcome<DnsAddress>>
  /**
   * The targets of the chain of CNAME records that begins at `name`, in order. Where the chain could
   * not be followed to its end, what was found of it stands with `endsBy`.
   */
  resolveCname(name: Hostname, signal: AbortSignal): Promise<DnsOutcome<Hostname>>
  /** The strings of each TXT record joined. */
  resolveTxt(name: Hostname, signal: AbortSignal): Promise<DnsOutcome<string>>
}

export interface DnsAddress {
  address: string
  family: 4 | 6
}

export type DnsOutcome<Value> =
  /** At least one value. */
  | { outcome: 'found'; values: readonly Value[]; endsBy?: DnsFailure | 'loop' }
  | { outcome: DnsFailure }

export type DnsFailure =
  /** There is no such name. */
  | 'nxdomain'
  /** The name is there, but without a record of this type. */
  | 'nodata'
  /** The servers gave no usable answer: SERVFAIL, REFUSED, bogus signatures, nobody listening. */
  | 'servfail'
  | 'timeout'

/** Longer chains of aliases are not followed; recursive servers give up at 8 to 16. */
export const MAX_CNAME_HOPS = 10
