import type { Certificate, Chain, KeyAlgorithm } from '#domain/certificate.ts'

/** Makes keys and reads chains; off the event loop where it costs. */
export interface KeyMaker {
  /** A new private key, PKCS #8 DER. */
  generate(keyAlgorithm: KeyAlgorithm): Promise<Uint8Array>
  /** PKCS #10 DER for these names (RFC 2986), signed with the key. */
  createCsr(request: CsrRequest): Promise<Uint8Array>
  /**
   * What is worth knowing of a chain.
   * @throws {IssuerError} `rejected` when it is not for this key or these names, or does not link up
   */
  describe(issued: IssuedChain): CertificateDescription
}

export interface CsrRequest {
  privateKey: Uint8Array
  keyAlgorithm: KeyAlgorithm
  names: readonly string[]
}

export interface IssuedChain {
  chain: Chain
  privateKey: Uint8Array
  names: readonly string[]
}

export type CertificateDescription = Pick<
  Certificate,
  'issuer' | 'serialNumber' | 'signature' | 'fingerprintSha256' | 'hosts' | 'notBefore' | 'notAfter'
>
