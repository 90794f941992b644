import type { LimitOverrides } from '#domain/ca-limits.ts'
import type { CertificateAuthorityName } from '#domain/certificate-authority.ts'
import { parseDuration } from '#lib/duration.ts'

/** One of the CAs that are asked for certificates. */
export type CaConfig = LocalCaConfig | AcmeCaConfig

export interface LocalCaConfig {
  kind: 'local'
  leafLifetimeMs: number
}

export interface AcmeCaConfig {
  kind: 'acme'
  /** As orders and certificates name it; the directory's URL where no other was given. */
  name: string
  /** The CA's directory (RFC 8555 section 7.1.1). */
  directoryUrl: string
  /** Tells several accounts at one CA apart; undefined: the one without a label. */
  account: string | undefined
  /** Its value of `certificate_authority` in the API; undefined: as its host is known. */
  apiName: CertificateAuthorityName | undefined
  /** Contact that the CA is told; undefined: none. */
  email: string | undefined
  /** External account binding (RFC 8555 section 7.3.4); undefined: none. */
  externalAccount: { kid: string; hmacKey: Uint8Array } | undefined
  /** Roots trusted for the CA's own HTTPS beside the built-in ones, PEM each. */
  roots: readonly string[]
  /** Kind of certificate, as the CA calls it; undefined: the CA's default. */
  profile: string | undefined
  /** Common name of the issuer at the top of the wanted chain; undefined: the CA's default. */
  preferredChain: string | undefined
  /** Names that CAA records give it; undefined: what its directory says, or is known of it. */
  caaIdentities: readonly string[] | undefined
  /** What the CA has granted, where that is not what it publishes. */
  limits: LimitOverrides
}

export const CA_KINDS = ['local', 'acme'] as const
/** The longest lifetime that Apple's clients accept, of private CAs too (HT210176). */
const LEAF_LIFETIME = { min: '1m', max: '825d' }

export function parseLeafLifetime(text: string): number {
  return parseDuration(text, LEAF_LIFETIME)
}
