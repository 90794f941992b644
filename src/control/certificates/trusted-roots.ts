import { X509Certificate } from 'node:crypto'
import { getCACertificates } from 'node:tls'

export interface TrustedRoot {
  certificate: X509Certificate
  /** The operator's own, which the public does not know. */
  isPrivate: boolean
}

/** Roots that a chain may end in: Node's own (Mozilla's) and the operator's. */
export interface TrustedRoots {
  /** Those of this subject, as `X509Certificate.subject` writes it. */
  find(subject: string): readonly TrustedRoot[]
  has(certificate: X509Certificate): boolean
}

/**
 * Reads the roots at the first question: an installation without uploads never needs the 150.
 *
 * @param privateRoots PEM each
 */
export function createTrustedRoots(privateRoots: readonly string[] = []): TrustedRoots {
  let bySubject: ReadonlyMap<string, readonly TrustedRoot[]> | undefined
  const find = (subject: string): readonly TrustedRoot[] => {
    bySubject ??= Map.groupBy(readRoots(privateRoots), ({ certificate }) => certificate.subject)
    return bySubject.get(subject) ?? []
  }
  return {
    find,
    has: ({ subject, fingerprint256 }) =>
      find(subject).some(({ certificate }) => certificate.fingerprint256 === fingerprint256),
  }
}

function readRoots(privateRoots: readonly string[]): TrustedRoot[] {
  const own = privateRoots.map((pem) => ({
    certificate: new X509Certificate(pem),
    isPrivate: true,
  }))
  const known = getCACertificates('default').map((pem) => ({
    certificate: new X509Certificate(pem),
    isPrivate: false,
  }))
  return [...own, ...known]
}
