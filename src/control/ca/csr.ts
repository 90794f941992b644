import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { createPublicKey, sign, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

import { encodeDer, TAG } from '#lib/der.ts'

import type { KeyPair } from './keys.ts'

const signOnThreadPool = promisify(sign)

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
  const requested = sequence(
    encodeDer(TAG.integer, Buffer.of(0)),
    NO_SUBJECT,
    publicKey.export({ format: 'der', type: 'spki' }),
    encodeDer(TAG.context0, extensionRequest(subjectAltName(names))),
  )
  const signature = await signOnThreadPool('sha256', requested, privateKey)
  const algorithm = privateKey.asymmetricKeyType === 'rsa' ? RSA_WITH_SHA256 : ECDSA_WITH_SHA256
  return sequence(requested, algorithm, encodeDer(TAG.bitString, Buffer.of(0), signature))
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => encodeDer(TAG.sequence, ...parts)
const objectIdentifier = (hex: string): Buffer =>
  encodeDer(TAG.objectIdentifier, Buffer.from(hex, 'hex'))

const NO_SUBJECT = sequence()
/** 1.2.840.10045.4.3.2 (RFC 5758 section 3.2). */
const ECDSA_WITH_SHA256 = sequence(objectIdentifier('2a8648ce3d040302'))
/** 1.2.840.113549.1.1.11, whose parameters are NULL (RFC 4055 section 5). */
const RSA_WITH_SHA256 = sequence(objectIdentifier('2a864886f70d01010b'), encodeDer(TAG.null))
/** 1.2.840.113549.1.9.14 (RFC 2985 section 5.4.2). */
const EXTENSION_REQUEST = objectIdentifier('2a864886f70d01090e')
const SUBJECT_ALT_NAME = objectIdentifier('551d11')
/** `[2]`, primitive: dNSName (RFC 5280 section 4.2.1.6). */
const DNS_NAME = 0x82

function extensionRequest(...extensions: readonly Uint8Array[]): Buffer {
  return sequence(EXTENSION_REQUEST, encodeDer(TAG.set, sequence(...extensions)))
}

function subjectAltName(names: readonly string[]): Buffer {
  const all = names.map((name) => encodeDer(DNS_NAME, Buffer.from(name, 'latin1')))
  return sequence(SUBJECT_ALT_NAME, encodeDer(TAG.octetString, sequence(...all)))
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
