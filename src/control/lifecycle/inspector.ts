import type { Hostname } from '#domain/hostname.ts'
import type { ChallengeType, OrderChallenge } from '#domain/order.ts'
import type { OwnershipProof } from '#domain/ownership.ts'

/** Looks at the customer's side: the lifecycle's eyes. Never rejects but for an aborted signal. */
export interface Inspector {
  /** May this zone serve the name: any one proof of spec section 3.6. */
  inspectOwnership(question: OwnershipQuestion, signal: AbortSignal): Promise<OwnershipFinding>
  /** Would the CA see what it wants to see: http-01 over IPv4 and IPv6, dns-01 at every server. */
  inspectChallenge(challenge: OrderChallenge, signal: AbortSignal): Promise<ChallengeFinding>
  /** May a CA issue for the name: its CAA records (RFC 8659), and whether its DNSSEC holds. */
  inspectPermission(question: PermissionQuestion, signal: AbortSignal): Promise<PermissionFinding>
}

export interface PermissionQuestion {
  hostname: Hostname
  /** A certificate for `*.hostname` too: `issuewild` counts. */
  wildcard: boolean
  /** Of the CA that is to issue; empty: nothing is asked. */
  caaIdentities: readonly string[]
  /** Our account at the CA (RFC 8657 section 3); undefined: not known, so it forbids nothing. */
  accountUri?: string | undefined
  /** Challenge types that are to be used (RFC 8657 section 4); undefined: any. */
  methods?: readonly ChallengeType[] | undefined
}

/** `reason`: the CAA records say so, or nobody can tell because the name's DNS is broken. */
export type PermissionFinding =
  | { isPermitted: true }
  | { isPermitted: false; reason: 'caa' | 'dns'; problem: string }

export interface OwnershipQuestion {
  hostname: Hostname
  hostnameId: string
  token: string
  cnameTarget: string | undefined
  /**
   * Targets of the zones for which the edges serve the name already; undefined: it is served for
   * nobody. Where it is, the edges answer for it whoever asks, so only the name's own DNS decides.
   */
  rivalTargets: readonly string[] | undefined
}

export type OwnershipFinding =
  | { provedBy: OwnershipProof }
  /** `isOurs`: nothing could be seen of the customer's side, through no fault of his. */
  | { errors: readonly string[]; isOurs?: boolean }

export type ChallengeFinding = { isReady: true } | { isReady: false; problem: string }
