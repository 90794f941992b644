import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { createPublicKey, type KeyObject } from 'node:crypto'

import { toSigningKey, type KeyPair } from './keys.ts'

/**
 * A certificate signing request (PKCS #10, RFC 2986) for DNS names: the names stand in the
 * alternative names only, as CAs want it, and the request is signed with the key itself.
 *
 * @returns DER
 */
export async function createCsr(
  { privateKey, publicKey }: KeyPair,
  names: readonly string[],
): Promise<Uint8Array> {
  const sans = names.map((value) => ({ type: 'dns' as const, value }))
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    keys: { privateKey: toSigningKey(privateKey), publicKey: toSigningKey(publicKey) },
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new x509.SubjectAlternativeNameExtension(sans)],
  })
  return new Uint8Array(csr.rawData)
}

export interface Csr {
  publicKey: KeyObject
  /** SubjectPublicKeyInfo, DER. */
  spki: Uint8Array
  /** DNS names, lower case, each once, sorted: alternative names and a common name together. */
  names: readonly string[]
}

/** Why a request cannot be used. */
export class CsrError extends Error {
  override readonly name = 'CsrError'
}

/** More than any request for two names needs. */
const MAX_CSR_BYTES = 16_384

/**
 * Reads a request and checks its signature: whoever sends it has the key.
 *
 * @throws {CsrError} not a request, too large, wrongly signed, or with names that are not DNS names
 */
export async function parseCsr(der: Uint8Array): Promise<Csr> {
  if (der.length > MAX_CSR_BYTES) {
    throw new CsrError(`it has ${der.length} bytes, more than ${MAX_CSR_BYTES}`)
  }
  try {
    const request = new x509.Pkcs10CertificateRequest(Buffer.from(der))
    if (!(await request.verify())) throw new CsrError('its signature is wrong')
    const spki = new Uint8Array(request.publicKey.rawData)
    const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
    return { publicKey, spki, names: namesOf(request) }
  } catch (cause) {
    if (cause instanceof CsrError) throw cause
    throw new CsrError('it is not a PKCS #10 request that can be read', { cause })
  }
}

function namesOf(request: x509.Pkcs10CertificateRequest): string[] {
  const sans = request.extensions
    .filter((extension) => extension instanceof x509.SubjectAlternativeNameExtension)
    .flatMap((extension) => extension.names.items)
  const other = sans.find(({ type }) => type !== 'dns')
  if (other) throw new CsrError(`it asks for a name of type ${other.type}, not a DNS name`)
  const names = [...sans.map(({ value }) => value), ...request.subjectName.getField('CN')]
  return [...new Set(names.map((name) => name.toLowerCase()))].sort()
}
