/** Key types of a certificate pack: ECDSA P-256 and RSA-2048; the caller's own may be longer. */
export type KeyAlgorithm = 'ecdsa' | 'rsa'

export const KEY_ALGORITHMS = ['ecdsa', 'rsa'] as const satisfies readonly KeyAlgorithm[]
/** As people write them. */
export const KEY_TITLES = { ecdsa: 'ECDSA', rsa: 'RSA' } as const satisfies Record<
  KeyAlgorithm,
  string
>

/** A chain as a CA hands it out: DER, leaf first, without the root. */
export interface Chain {
  leaf: Uint8Array
  intermediates: readonly Uint8Array[]
}

/** What is kept of one issued certificate. The private key stays sealed (context: the certificate's id). */
export interface Certificate {
  /** UUID; also the context of the sealed key. */
  id: string
  hostnameId: string
  /** Name of the issuer that signed it; undefined: the caller's own. */
  ca: string | undefined
  keyAlgorithm: KeyAlgorithm
  chain: Chain
  sealedKey: Uint8Array
  /** The custom CSR that the key was made for; absent: none of ours. */
  csrId?: string
  /** The issuer's common name or organization, as the API shows it. */
  issuer: string
  /** Hexadecimal, lower case. */
  serialNumber: string
  /** Such as `ECDSAWithSHA256` or `SHA256WithRSA`. */
  signature: string
  /** SHA-256 of the leaf's DER, hexadecimal, lower case. */
  fingerprintSha256: string
  /** Names it is for. */
  hosts: readonly string[]
  notBefore: number
  notAfter: number
  /** When we stored it, milliseconds since the epoch. */
  createdAt: number
}

const DAY_MS = 86_400_000

type Validity = Pick<Certificate, 'notBefore' | 'notAfter'>

/** How long before the end renewal begins: 30 days, or the last third of a life below 90 days. */
function renewalLeadMs({ notBefore, notAfter }: Validity): number {
  const lifetime = notAfter - notBefore
  return lifetime >= 90 * DAY_MS ? 30 * DAY_MS : lifetime / 3
}

/**
 * When renewal is due where the CA gives no window (RFC 9773).
 *
 * @param spread uniform in [0, 1): moves the instant earlier by up to 5 % of the lifetime, so that
 *   what was issued together is not renewed together
 */
export function renewalDueAt(certificate: Validity, spread: number): number {
  const { notBefore, notAfter } = certificate
  const earlier = spread * (notAfter - notBefore) * 0.05
  return Math.round(notAfter - renewalLeadMs(certificate) - earlier)
}

/**
 * When to renew within the window that the CA suggests (RFC 9773 section 4.2): at a random instant of
 * it, yet never later than the middle of the time that we allow ourselves without one, whatever a CA
 * says.
 *
 * @param spread uniform in [0, 1)
 */
export function renewalWithin(
  window: { start: number; end: number },
  certificate: Validity,
  spread: number,
): number {
  const at = window.start + spread * (window.end - window.start)
  return Math.round(Math.min(at, certificate.notAfter - renewalLeadMs(certificate) / 2))
}

/**
 * From when on a certificate that is not replaced is something to worry about: half of the time for
 * renewal has gone by, or all of it where nobody but its owner renews it.
 */
export function expiryWarningAt(
  certificate: Validity,
  { isUploaded }: { isUploaded: boolean },
): number {
  const lead = renewalLeadMs(certificate)
  return certificate.notAfter - (isUploaded ? lead : lead / 2)
}
