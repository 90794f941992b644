import { parse as parseDomain } from 'tldts'

import type { RateLimit } from './rate-limit.ts'

/** What CAs limit. */
export type CaLimit =
  /** New orders of our account. */
  | 'orders_per_account'
  /** Certificates for names under one registered domain, whoever orders them. */
  | 'certificates_per_domain'
  /** Certificates for exactly the same names, whoever orders them. */
  | 'duplicate_certificates'
  /** Validations of one name that failed, of our account. */
  | 'failed_validations'
  /** The same, since one last succeeded: what forgets the others does not forget these. */
  | 'consecutive_failures'

export const CA_LIMITS = [
  'orders_per_account',
  'certificates_per_domain',
  'duplicate_certificates',
  'failed_validations',
  'consecutive_failures',
] as const satisfies readonly CaLimit[]

/** As a CA says it: `300 in 3 hours`. */
export interface PublishedLimit {
  count: number
  windowMs: number
}

/** The limits of one CA. */
export interface CaLimits {
  /** As people call the CA. */
  title: string
  /** How the CA counts; see `rateLimitOf`. */
  metering: 'bucket' | 'window'
  /** Absent: not limited. */
  published: Readonly<Partial<Record<CaLimit, PublishedLimit>>>
  /** What does not count for an order that renews a certificate of the same names, by RFC 9773 or not. */
  exempt: Readonly<Record<'renewal' | 'ari', readonly CaLimit[]>>
}

/** Numbers of an operator's own, by limit: what the CA has granted, say. */
export type LimitOverrides = Readonly<Partial<Record<CaLimit, PublishedLimit | 'unlimited'>>>

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NO_EXEMPTIONS = { renewal: [], ari: [] } as const

/**
 * https://letsencrypt.org/docs/rate-limits/ as of August 2026. Of consecutive failures one is forgiven
 * each day, and all with the next success; the page had 3,600 of them until May 2025
 * (letsencrypt/website#1785, #1919).
 */
const LETS_ENCRYPT: CaLimits = {
  title: "Let's Encrypt",
  metering: 'bucket',
  published: {
    orders_per_account: { count: 300, windowMs: 3 * HOUR_MS },
    certificates_per_domain: { count: 50, windowMs: 7 * DAY_MS },
    duplicate_certificates: { count: 5, windowMs: 7 * DAY_MS },
    failed_validations: { count: 5, windowMs: HOUR_MS },
    consecutive_failures: { count: 1_152, windowMs: 1_152 * DAY_MS },
  },
  exempt: {
    renewal: ['orders_per_account', 'certificates_per_domain'],
    ari: CA_LIMITS,
  },
}

/** https://letsencrypt.org/docs/staging-environment/; the domain's 30,000 a second are no limit. */
const LETS_ENCRYPT_STAGING: CaLimits = {
  ...LETS_ENCRYPT,
  title: "Let's Encrypt (staging)",
  published: {
    orders_per_account: { count: 1_500, windowMs: 3 * HOUR_MS },
    duplicate_certificates: { count: 30_000, windowMs: 7 * DAY_MS },
    failed_validations: { count: 200, windowMs: HOUR_MS },
    consecutive_failures: { count: 3_600, windowMs: 6 * HOUR_MS },
  },
}

/** The built-in CA, and any other of one's own. */
export const UNLIMITED: CaLimits = {
  title: 'The CA',
  metering: 'bucket',
  published: {},
  exempt: NO_EXEMPTIONS,
}

const KNOWN_CAS: ReadonlyMap<string, CaLimits> = new Map([
  ['acme-v02.api.letsencrypt.org', LETS_ENCRYPT],
  ['acme-staging-v02.api.letsencrypt.org', LETS_ENCRYPT_STAGING],
  ['dv.acme-v02.api.pki.goog', unknownCa('Google Trust Services')],
  ['dv.acme-v02.test-api.pki.goog', unknownCa('Google Trust Services (staging)')],
  ['acme.zerossl.com', unknownCa('ZeroSSL')],
  ['acme.ssl.com', unknownCa('SSL.com')],
])

/**
 * Of public CAs that publish no numbers we expect no more than of the one that does, counted in the
 * strictest way and with no exemptions. These numbers are a cautious assumption of ours, not theirs:
 * whoever knows better says so in the settings. Looked for in November 2026:
 *
 * - Google Trust Services: the quotas of Google Cloud's Certificate Manager are those of its own API;
 *   for orders the advice is to heed 429 and Retry-After (pki.goog, ACME best practices, September
 *   2025).
 * - ZeroSSL (Sectigo): certificates by ACME are not limited, requests are, by numbers that it does not
 *   disclose (zerossl/zerossl#25).
 * - SSL.com: nothing was found.
 */
function unknownCa(title: string): CaLimits {
  const { published } = LETS_ENCRYPT
  return { title, metering: 'window', published, exempt: NO_EXEMPTIONS }
}

/**
 * The limits of the CA with this ACME directory. One at an IP address, or at a name that is not
 * public, is one's own and has none until it says so.
 */
export function caLimitsOf(directoryUrl: string): CaLimits {
  const { hostname } = new URL(directoryUrl)
  const known = KNOWN_CAS.get(hostname)
  if (known) return known
  const { isIcann, domain, isIp } = parseDomain(hostname)
  return !isIp && isIcann && domain ? unknownCa(hostname) : { ...UNLIMITED, title: hostname }
}

export function withOverrides(limits: CaLimits, overrides: LimitOverrides): CaLimits {
  const published = { ...limits.published }
  for (const limit of CA_LIMITS) {
    const override = overrides[limit]
    if (override === 'unlimited') delete published[limit]
    else if (override) published[limit] = override
  }
  return { ...limits, published }
}

/** Of a window's count, what may be spent at once. */
const BURST_SHARE = 1 / 3

/**
 * The bucket with which a published limit is kept.
 *
 * - `bucket`: the CA itself counts so. Let's Encrypt's "300 in 3 hours" is a bucket of 300 into which
 *   one comes back every 36 seconds, so ours is the same: never fuller than theirs, and all of it used.
 *   Three hours may see 600 of them.
 * - `window`: the CA may look back over any 3 hours and count. So that no window ever holds more than
 *   the 300, what may be spent at once and what comes back in a window are 300 together. A third may
 *   be spent at once; the price is that in the long run two thirds of the allowance are used. A larger
 *   share for bursts would cost more of the steady rate, which is what a large fleet lives on.
 */
export function rateLimitOf(
  { count, windowMs }: PublishedLimit,
  metering: CaLimits['metering'],
): RateLimit {
  if (metering === 'bucket') return { capacity: count, refillMs: Math.ceil(windowMs / count) }
  const capacity = Math.ceil(count * BURST_SHARE)
  const rest = Math.max(1, count - capacity)
  return { capacity, refillMs: Math.ceil(windowMs / rest) }
}
