import type { KeyAlgorithm } from '#domain/certificate.ts'

import { EC_P256, openOpensslPki, RSA_2048, type Issued, type OpensslPki } from './openssl-pki.ts'

/** A certificate as a customer brings it to the API. */
export interface OwnPair {
  /** PEM: leaf, intermediate. */
  custom_certificate: string
  custom_key: string
}

/** A CA that customers bring certificates from, made with OpenSSL. */
export interface OwnCa extends AsyncDisposable {
  pki: OpensslPki
  root: Issued
  intermediate: Issued
  pair(keyAlgorithm: KeyAlgorithm, names: readonly string[]): Promise<OwnPair>
  /** The certificate for a request, PEM: leaf, intermediate. */
  sign(csr: string, names: readonly string[]): Promise<string>
}

export async function openOwnCa(): Promise<OwnCa> {
  const pki = await openOpensslPki()
  const root = await pki.issue({ commonName: 'Own Root' })
  const intermediate = await pki.issue({ commonName: 'Own CA', issuer: root })
  return {
    pki,
    root,
    intermediate,
    async pair(keyAlgorithm, names) {
      const key = keyAlgorithm === 'rsa' ? RSA_2048 : EC_P256
      const leaf = await pki.issue({ names, key, issuer: intermediate })
      return { custom_certificate: leaf.cert + intermediate.cert, custom_key: leaf.key }
    },
    async sign(csr, names) {
      const leaf = await pki.sign(csr, { names, issuer: intermediate })
      return leaf.cert + intermediate.cert
    },
    [Symbol.asyncDispose]: () => pki[Symbol.asyncDispose](),
  }
}
