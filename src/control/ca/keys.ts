import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

import type { KeyAlgorithm } from '#domain/certificate.ts'

const generate = promisify(generateKeyPair)

/** Bits of an RSA leaf key (spec section 4). */
export const RSA_BITS = 2048
const RSA_ROOT_BITS = 3072
/** OpenSSL's name of P-256, the curve of an ECDSA leaf key. */
export const ECDSA_CURVE = 'prime256v1'

export interface KeyPair {
  privateKey: KeyObject
  publicKey: KeyObject
}

/**
 * Makes the key of a leaf: ECDSA P-256, or RSA-2048 with exponent 65537. The work runs on the thread
 * pool, never on the event loop.
 */
export function generateLeafKey(keyAlgorithm: KeyAlgorithm): Promise<KeyPair> {
  return keyAlgorithm === 'ecdsa'
    ? generate('ec', { namedCurve: ECDSA_CURVE })
    : generate('rsa', { modulusLength: RSA_BITS })
}

/** The key of a root of the built-in CA: P-256, or RSA of 3072 bits. */
export function generateRootKey(keyAlgorithm: KeyAlgorithm): Promise<KeyPair> {
  return keyAlgorithm === 'ecdsa'
    ? generate('ec', { namedCurve: ECDSA_CURVE })
    : generate('rsa', { modulusLength: RSA_ROOT_BITS })
}

/** PKCS #8 DER (RFC 5958): the form in which a key is sealed and stored. */
export function exportPrivateKey(privateKey: KeyObject): Uint8Array {
  return privateKey.export({ type: 'pkcs8', format: 'der' })
}

/**
 * Reads what `exportPrivateKey` wrote.
 *
 * @throws {Error} bytes that are not one PKCS #8 key
 */
export function importKeyPair(pkcs8: Uint8Array): KeyPair {
  const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

/** Whether a public key is of the one kind and size that leaves of this algorithm have. */
export function isLeafKey(publicKey: KeyObject, keyAlgorithm: KeyAlgorithm): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey
  if (keyAlgorithm === 'ecdsa') return type === 'ec' && details?.namedCurve === ECDSA_CURVE
  return (
    type === 'rsa' && details?.modulusLength === RSA_BITS && details.publicExponent === RSA_EXPONENT
  )
}

const RSA_EXPONENT = 65_537n

/** The key as WebCrypto wants it for signing with SHA-256; it cannot be exported again. */
export function toSigningKey(key: KeyObject): SigningKey {
  const usages = [key.type === 'private' ? 'sign' : 'verify'] as const
  return key.toCryptoKey(webAlgorithm(key), key.type === 'public', usages)
}

export type SigningKey = ReturnType<KeyObject['toCryptoKey']>

function webAlgorithm(key: KeyObject): { name: string; namedCurve?: string; hash?: string } {
  return key.asymmetricKeyType === 'rsa'
    ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
    : { name: 'ECDSA', namedCurve: 'P-256' }
}
