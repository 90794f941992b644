import type { KeyAlgorithm } from './certificate.ts'
import { newIssuance, type Issuance } from './issuance.ts'

/** A chain of a pack: what is served now, and the way of the next one. */
export interface ManagedChain {
  keyAlgorithm: KeyAlgorithm
  /** The newest certificate that is stored for this chain and not yet expired when it was stored. */
  certificate: CertificateRef | undefined
  /**
   * The certificate is not what is wanted any more: other names, another CA, or managed ones in the place
   * of the caller's own. It is served until its successor is there.
   */
  isOutdated?: true
  issuance: Issuance
}

export interface CertificateRef {
  id: string
  notBefore: number
  notAfter: number
}

/** Another certificate is wanted: it is ordered anew, and what is there is served meanwhile. */
export function withNewIssuance(chain: ManagedChain, now: number): ManagedChain {
  const isOutdated = chain.certificate !== undefined
  return { ...chain, ...(isOutdated && { isOutdated }), issuance: newIssuance(now) }
}
