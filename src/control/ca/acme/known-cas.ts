import type { CertificateAuthorityName } from '../issuer.ts'

/** What is known of a public CA without asking it. */
export interface KnownCa {
  title: string
  apiName: CertificateAuthorityName | undefined
  /** Where its directory does not tell them. */
  caaIdentities: readonly string[]
  /** Whether it takes a name that one order proved for proved in the next one, too. */
  reusesProofs: boolean
}

const LETS_ENCRYPT = {
  apiName: 'lets_encrypt',
  caaIdentities: ['letsencrypt.org'],
  reusesProofs: true,
} as const
const GOOGLE = { apiName: 'google', caaIdentities: ['pki.goog'], reusesProofs: true } as const

/** By the host of their directories, of those to practise with too. */
const KNOWN_CAS: Readonly<Record<string, KnownCa>> = {
  'acme-v02.api.letsencrypt.org': { title: "Let's Encrypt", ...LETS_ENCRYPT },
  'acme-staging-v02.api.letsencrypt.org': { title: "Let's Encrypt (staging)", ...LETS_ENCRYPT },
  'dv.acme-v02.api.pki.goog': { title: 'Google Trust Services', ...GOOGLE },
  'dv.acme-v02.test-api.pki.goog': { title: 'Google Trust Services (staging)', ...GOOGLE },
  // Each key type has tokens of its own (spec section 3.2).
  'acme.ssl.com': {
    title: 'SSL.com',
    apiName: 'ssl_com',
    caaIdentities: ['ssl.com'],
    reusesProofs: false,
  },
  'acme.zerossl.com': {
    title: 'ZeroSSL',
    apiName: undefined,
    caaIdentities: ['sectigo.com'],
    reusesProofs: true,
  },
}

/**
 * Any other goes by the name that the operator gave it, or its host's, and is not expected to do more
 * than RFC 8555 says it must.
 */
export function describeCa(
  directoryUrl: string,
  { name }: { name?: string | undefined } = {},
): KnownCa {
  const { host } = new URL(directoryUrl)
  const known = Object.hasOwn(KNOWN_CAS, host) ? KNOWN_CAS[host] : undefined
  const title = name === undefined || name === directoryUrl ? host : name
  return known ?? { title, apiName: undefined, caaIdentities: [], reusesProofs: false }
}

/** Names that CAA records give the CA: what its directory says; what is known, where it says nothing. */
export function caaIdentitiesOf(directoryUrl: string, told: readonly string[]): readonly string[] {
  return told.length > 0 ? told : describeCa(directoryUrl).caaIdentities
}
