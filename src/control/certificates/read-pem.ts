import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'

import { findPemBlocks } from '#lib/pem.ts'

import { UploadError } from './upload-error.ts'

/** A leaf, a chain as long as any, and cross-signed certificates beside it. */
export const MAX_CERTIFICATES = 10
/** PEM of the longest key that is served (RSA 4096) has 3.3 KB. */
export const MAX_KEY_CHARACTERS = 8_192
/** RSA with 4096 bits and some certificate transparency take 3 KB. */
const MAX_CERTIFICATE_BYTES = 16_384

const CERTIFICATE_LABELS = ['CERTIFICATE', 'X509 CERTIFICATE']
const KEY_LABELS = ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY']

/**
 * The certificates of a PEM file, in order; text between them is passed over.
 *
 * @throws {UploadError} `empty`, `unreadable`
 */
export function readCertificates(pem: string): X509Certificate[] {
  if (pem.trim() === '') throw new UploadError('empty', 'it has no certificate')
  const blocks = findPemBlocks(pem)
  if (blocks.length === 0) {
    throw new UploadError('unreadable', 'it has no -----BEGIN CERTIFICATE----- block')
  }
  if (blocks.length > MAX_CERTIFICATES) {
    const message = `it has ${blocks.length} blocks, more than ${MAX_CERTIFICATES}`
    throw new UploadError('unreadable', message)
  }
  return blocks.map(({ label, base64 }, index) => {
    if (CERTIFICATE_LABELS.includes(label)) return readCertificate(base64, index)
    throw new UploadError('unreadable', `block ${index + 1} is a ${label}, not a CERTIFICATE`)
  })
}

function readCertificate(base64: string, index: number): X509Certificate {
  const der = Buffer.from(base64, 'base64')
  if (der.length > MAX_CERTIFICATE_BYTES) {
    const message = `certificate ${index + 1} has ${der.length} bytes, more than ${MAX_CERTIFICATE_BYTES}`
    throw new UploadError('unreadable', message)
  }
  try {
    return new X509Certificate(der)
  } catch {
    throw new UploadError('unreadable', `certificate ${index + 1} is not X.509`)
  }
}

/**
 * The one private key of a PEM file: PKCS #8, PKCS #1 or SEC 1, without a passphrase. What OpenSSL says
 * of a broken one is not passed on: it is of no use to whoever sent it.
 *
 * @throws {UploadError} `key-unusable`
 */
export function readPrivateKey(pem: string): KeyObject {
  if (pem.length > MAX_KEY_CHARACTERS) {
    refuse(`it has ${pem.length} characters, more than ${MAX_KEY_CHARACTERS}`)
  }
  if (pem.includes('ENCRYPTED')) refuse('it is encrypted: remove the passphrase')
  const blocks = findPemBlocks(pem)
  const labels = blocks.map(({ label }) => label)
  if (labels.includes('EC PARAMETERS')) {
    refuse('it must not have an EC PARAMETERS block: remove that block')
  }
  const [block, ...others] = blocks
  if (!block || others.length > 0) {
    refuse(`it must be one PEM block, a private key: has ${labels.join(', ') || 'none'}`)
  }
  if (!KEY_LABELS.includes(block.label)) refuse(`it is a ${block.label}, not a PRIVATE KEY`)
  try {
    return createPrivateKey({ key: block.text, format: 'pem' })
  } catch {
    return refuse('it is not a private key that can be read')
  }
}

function refuse(message: string): never {
  throw new UploadError('key-unusable', message)
}
