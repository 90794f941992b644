import type { KeyObject } from 'node:crypto'

/** Roots of some companies have so many; those of the public 4096 at most. */
const MAX_RSA_BITS = 8_192
/** What all CAs use, or 3. A signature under an exponent as long as the modulus takes a hundred times as long. */
const MAX_RSA_EXPONENT = 65_537n
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1']

/** Whether an RSA key's public half costs no more than that of any other. */
export function hasUsualExponent({ asymmetricKeyDetails }: KeyObject): boolean {
  return (asymmetricKeyDetails?.publicExponent ?? 0n) <= MAX_RSA_EXPONENT
}

/**
 * Whether checking a signature under this key takes a millisecond at most. Whoever uploads a
 * certificate picks the keys above it: a search of a hundred signatures must not stand still for seconds.
 */
export function isQuickToVerify(key: KeyObject): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key
  if (type === 'ec') return CURVES.includes(details.namedCurve ?? '')
  if (type !== 'rsa') return false
  return (details.modulusLength ?? Infinity) <= MAX_RSA_BITS && hasUsualExponent(key)
}
