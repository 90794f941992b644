import type { KeyAlgorithm } from './certificate.ts'

/** A certificate signing request that callers take to a CA of their own; its key never leaves us. */
export interface CustomCsr {
  /** UUID; also the context of the sealed key. */
  id: string
  /** The zone that alone may use it; undefined: every zone. */
  zoneId: string | undefined
  createdAt: number
  keyAlgorithm: KeyAlgorithm
  subject: CsrSubject
  /** DNS names, as the request has them. */
  sans: readonly string[]
  /** What the caller calls it. */
  name: string | undefined
  description: string | undefined
  /** PKCS #10 (RFC 2986), DER. */
  csr: Uint8Array
  sealedKey: Uint8Array
}

export interface CsrSubject {
  commonName: string
  /** Two letters (ISO 3166-1). */
  country: string
  state: string
  locality: string
  organization: string
  organizationalUnit?: string
}

/** Whether certificates for hostnames of this zone may be made with it. */
export function isUsableIn({ zoneId: owner }: CustomCsr, zoneId: string): boolean {
  return owner === undefined || owner === zoneId
}
