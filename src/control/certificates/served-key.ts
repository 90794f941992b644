import { sign, verify, type KeyObject, type X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'

import type { KeyAlgorithm } from '#domain/certificate.ts'

import { hasUsualExponent } from './key-cost.ts'
import { UploadError } from './upload-error.ts'

const signAsync = promisify(sign)

const MIN_RSA_BITS = 2048
/** Each more costs every handshake: signing with 4096 bits takes six times what 2048 take. */
const MAX_RSA_BITS = 4096
/** OpenSSL's names. Browsers take no certificate on P-521 (Chrome) or on any other curve. */
const CURVES = ['prime256v1', 'secp384r1']
const MESSAGE = Buffer.from('Custos looks whether this key signs')

/**
 * Of which chain of a pack a key may be.
 *
 * @throws {UploadError} `key-unusable` where an edge could not serve it, or no browser would take it
 */
export function servedAlgorithmOf(key: KeyObject): KeyAlgorithm {
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details = {} } = key
  const { namedCurve = '', modulusLength: bits = 0 } = details
  if (type === 'ec') {
    if (CURVES.includes(namedCurve)) return 'ecdsa'
    return refuse(`its curve must be P-256 or P-384: received ${namedCurve}`)
  }
  if (type !== 'rsa') {
    return refuse(`it must be RSA or ECDSA, which all browsers take: received ${type}`)
  }
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    return refuse(`RSA must have ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits: received ${bits}`)
  }
  // OpenSSL checks each signature that it makes: a long exponent would slow down every handshake.
  if (!hasUsualExponent(key)) {
    const length = details.publicExponent?.toString(2).length
    return refuse(
      `RSA must have the exponent 65537 or a smaller one: received one of ${length} bits`,
    )
  }
  return 'rsa'
}

/**
 * Whether the private key is the certificate's, shown by a signature: a file whose public half fits
 * may have a broken private one, which would fail in each handshake.
 *
 * @throws {UploadError} `key-mismatch`, `key-unusable`
 */
export async function checkKeyIsOf(leaf: X509Certificate, privateKey: KeyObject): Promise<void> {
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new UploadError('key-mismatch', 'it is the key of another certificate')
  }
  const signature = await signAsync('sha256', MESSAGE, privateKey).catch(() => undefined)
  if (!signature || !verify('sha256', MESSAGE, leaf.publicKey, signature)) {
    refuse('it does not sign: it is damaged')
  }
}

function refuse(message: string): never {
  throw new UploadError('key-unusable', message)
}
