/** An order at a CA: what the CA calls it and what it wants to see. */
export interface Order {
  /** Name of the issuer that has it. */
  ca: string
  /** The CA's own address of the order. */
  url: string
  /**
   * All challenges that could prove what is still to be proved: one of each name and, of wildcards, one
   * of the wildcard too. Empty where the CA reuses its authorizations.
   */
  challenges: readonly OrderChallenge[]
  /** The CA forgets the order then. */
  expiresAt: number
  /**
   * What proves this order proves no other one: as far as is known, the CA has the names proved anew for
   * each.
   */
  provedAlone?: true
  /** What it took of the CA's limits, and when; undefined: that was not written down yet. */
  taken?: { exemption: Exemption; at: number }
}

/**
 * Renewals count for fewer of a CA's limits: `renewal`, the same names as a certificate that there is;
 * `ari`, and the CA was told which one it replaces, and believes it (RFC 9773 section 5).
 */
export type Exemption = (typeof EXEMPTIONS)[number]
export const EXEMPTIONS = ['none', 'renewal', 'ari'] as const

export const CHALLENGE_TYPES = ['http-01', 'dns-01', 'tls-alpn-01'] as const
export type ChallengeType = (typeof CHALLENGE_TYPES)[number]

export interface OrderChallenge {
  type: ChallengeType
  /** The name to be proved, without `*.`. */
  identifier: string
  /** It proves `*.identifier` (RFC 8555 section 7.1.4), not the name itself. */
  wildcard?: true
  url: string
  token: string
  /** RFC 8555 section 8.1. */
  keyAuthorization: string
}
