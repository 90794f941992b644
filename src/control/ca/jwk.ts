import { createHash, type KeyObject } from 'node:crypto'

/** A public P-256 key: the members that a thumbprint needs, in its order (RFC 7638 section 3.2). */
export interface Jwk {
  crv: string
  kty: string
  x: string
  y: string
}

/** @throws {TypeError} it is of another kind */
export function jwkOf(publicKey: KeyObject): Jwk {
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' })
  if (crv !== 'P-256' || kty !== 'EC' || x === undefined || y === undefined) {
    throw new TypeError(`Cannot use the account key: it must be of P-256: received ${kty} ${crv}`)
  }
  return { crv, kty, x, y }
}

/** RFC 7638: the second half of every key authorization (RFC 8555 section 8.1). */
export function thumbprintOf({ crv, kty, x, y }: Jwk): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}
