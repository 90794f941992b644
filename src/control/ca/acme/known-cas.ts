import type { CertificateAuthorityName } from '../issuer.ts'

/** What is known of a public CA without asking it. */
export interface KnownCa {
  title: string
  apiName: CertificateAuthorityName | undefined
  /** Where its directory does not tell them. */
  caaIdentities: readonly string[]
}

const LETS_ENCRYPT = { apiName: 'lets_encrypt', caaIdentities: ['letsencrypt.org'] } as const
const GOOGLE = { apiName: 'google', caaIdentities: ['pki.goog'] } as const

/** By the host of their directories, of those to practise with too. */
const KNOWN_CAS: Readonly<Record<string, KnownCa>> = {
  'acme-v02.api.letsencrypt.org': { title: "Let's Encrypt", ...LETS_ENCRYPT },
  'acme-staging-v02.api.letsencrypt.org': { title: "Let's Encrypt (staging)", ...LETS_ENCRYPT },
  'dv.acme-v02.api.pki.goog': { title: 'Google Trust Services', ...GOOGLE },
  'dv.acme-v02.test-api.pki.goog': { title: 'Google Trust Services (staging)', ...GOOGLE },
  'acme.ssl.com': { title: 'SSL.com', apiName: 'ssl_com', caaIdentities: ['ssl.com'] },
  'acme.zerossl.com': { title: 'ZeroSSL', apiName: undefined, caaIdentities: ['sectigo.com'] },
}

/** Any other goes by its host's name. */
export function describeCa(directoryUrl: string): KnownCa {
  const { host } = new URL(directoryUrl)
  const known = Object.hasOwn(KNOWN_CAS, host) ? KNOWN_CAS[host] : undefined
  return known ?? { title: host, apiName: undefined, caaIdentities: [] }
}

/** Names that CAA records give the CA: what its directory says; what is known, where it says nothing. */
export function caaIdentitiesOf(directoryUrl: string, told: readonly string[]): readonly string[] {
  return told.length > 0 ? told : describeCa(directoryUrl).caaIdentities
}
