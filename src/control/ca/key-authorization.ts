import { createHash } from 'node:crypto'

/** What a TXT record must say for a key authorization (RFC 8555 section 8.4): 43 characters. */
export function txtValueOf(keyAuthorization: string): string {
  return createHash('sha256').update(keyAuthorization).digest('base64url')
}

export const TXT_LABEL = '_acme-challenge'

/** Where it must say so; for `*.identifier` it is the same place. */
export function txtNameOf(identifier: string): string {
  return `${TXT_LABEL}.${identifier}`
}
