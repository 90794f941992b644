import type { Hostname } from '#domain/hostname.ts'

import type { AddressFlaw } from './address-rule.ts'

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
  /** Why it must not be connected to (address-rule.ts); undefined: it may. */
  flaw?: AddressFlaw
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
  | UselessOutcome

/** Outcomes after which nothing is known of the name. */
export type UselessOutcome =
  /** The servers gave no usable answer: SERVFAIL, REFUSED, bogus signatures, nobody listening. */
  | 'servfail'
  | 'timeout'
  /** None of the servers that we are set up to ask is there: our fault, which says nothing of the name. */
  | 'unheard'

export function isUseless(outcome: string): outcome is UselessOutcome {
  return outcome === 'servfail' || outcome === 'timeout' || outcome === 'unheard'
}

/** Longer chains of aliases are not followed; recursive servers give up at 8 to 16. */
export const MAX_CNAME_HOPS = 10

/** A resolver that can also say who answered what. */
export interface AuthoritativeResolver extends Resolver {
  /**
   * Climbs from `name` to the root; the CAA record set of the first level that has one governs
   * (RFC 8659 section 3). Aliases at each level are followed.
   */
  findCaa(name: Hostname, signal: AbortSignal): Promise<CaaOutcome>
  /**
   * Asks every authoritative server of the zone that holds `name` the same question, each directly,
   * side by side. Aliases are not followed: a CNAME is itself an answer. Where none of them can be
   * reached, recursive servers answer in their place, named by their addresses.
   */
  survey(name: Hostname, type: SurveyType, signal: AbortSignal): Promise<Survey>
  /**
   * Whether a validating resolver would refuse the name: SERVFAIL plainly, an answer with the CD bit
   * set (RFC 4035 section 3.2.2). `unknown` where there is no validating resolver to ask.
   */
  checkDnssec(name: Hostname, signal: AbortSignal): Promise<DnssecState>
}

export type SurveyType = 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'CAA' | 'NS' | 'SOA'

export type DnssecState = 'fine' | 'bogus' | 'unknown'

export interface CaaRecord {
  /** The issuer critical flag (RFC 8659 section 4.1). */
  critical: boolean
  /** In lower case; known to us or not. */
  tag: string
  value: string
}

export type CaaOutcome =
  | { outcome: 'found'; at: Hostname; records: readonly CaaRecord[] }
  /** Nobody restricts anything. */
  | { outcome: 'none' }
  /** No permission: a CA whose look-up fails must not issue (Baseline Requirements 3.2.2.8). */
  | { outcome: UselessOutcome; at: Hostname }

export interface Survey {
  /** Apex of the zone that holds the name; undefined where the delegation could not be followed. */
  zone: Hostname | undefined
  servers: readonly ServerAnswer[]
}

export interface ServerAnswer {
  /** Name of the server, as the delegation has it. */
  server: string
  /** Empty where the server's name has none, or none that may be asked. */
  address: string
  answer:
    /** In presentation form; the strings of a TXT record joined. Sorted. */
    | { outcome: 'found'; values: readonly string[]; ttl: number }
    /** A CNAME in place of the type asked for. */
    | { outcome: 'alias'; target: Hostname }
    | { outcome: DnsFailure }
}
