import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/**
 * Seals secrets at rest with AES-256-GCM (NIST SP 800-38D).
 *
 * A sealed value is `version(1) | key id(4) | nonce(12) | tag(16) | ciphertext`. The context (the id
 * of the record that holds it) is authenticated but not stored: a sealed value copied into another
 * record does not open. The key id is the head of the key's SHA-256, so several keys may be known at
 * once: the first seals, all open. That is how a key is rotated.
 */
export interface Sealer {
  seal(plaintext: Uint8Array, context: string): Uint8Array
  /** @throws {SealingError} unknown key, another context, damaged or cut bytes */
  open(sealed: Uint8Array, context: string): Uint8Array
}

export class SealingError extends Error {
  override readonly name = 'SealingError'
}

const VERSION = 1
const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES
export const SECRET_KEY_BYTES = 32

/** @throws {SealingError} no key, or a key that is not 32 bytes */
export function createSealer(secretKeys: readonly Uint8Array[]): Sealer {
  const [current] = secretKeys
  if (!current) throw new SealingError('Cannot seal: no secret key given')
  const keys = new Map<string, Uint8Array>()
  for (const key of secretKeys) {
    if (key.length !== SECRET_KEY_BYTES) {
      throw new SealingError(
        `Cannot seal: a secret key must have ${SECRET_KEY_BYTES} bytes: received ${key.length}`,
      )
    }
    keys.set(keyId(key).toString('hex'), key)
  }

  return {
    seal(plaintext, context) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', current, nonce).setAAD(Buffer.from(context))
      const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
      const version = Buffer.of(VERSION)
      return Buffer.concat([version, keyId(current), nonce, cipher.getAuthTag(), ciphertext])
    },

    open(sealed, context) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
      if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION) {
        throw new SealingError('Cannot open sealed value: not a sealed value of version 1')
      }
      const nonceAt = 1 + KEY_ID_BYTES
      const id = bytes.subarray(1, nonceAt).toString('hex')
      const key = keys.get(id)
      if (!key) throw new SealingError(`Cannot open sealed value: unknown secret key ${id}`)
      const tagAt = nonceAt + NONCE_BYTES
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(nonceAt, tagAt), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(tagAt, HEAD_BYTES))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES)), decipher.final()])
      } catch (cause) {
        throw new SealingError('Cannot open sealed value: damaged, or of another record', { cause })
      }
    },
  }
}

function keyId(key: Uint8Array): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES)
}
