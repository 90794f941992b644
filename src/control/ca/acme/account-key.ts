import { createHmac, sign } from 'node:crypto'

import type { SecretStore } from '#store/store.ts'

import { jwkOf, thumbprintOf, type Jwk } from '../jwk.ts'
import { exportPrivateKey, generateLeafKey, importKeyPair } from '../keys.ts'

/** The key of our account at one CA: ECDSA P-256, so that every signature is ES256 (RFC 7518). */
export interface AccountKey {
  readonly jwk: Jwk
  /** RFC 7638: the second half of every key authorization (RFC 8555 section 8.1). */
  readonly thumbprint: string
  /**
   * A request as RFC 8555 section 6.2 wants it: a flattened JWS in JSON.
   *
   * @param payload undefined: POST-as-GET (section 6.3)
   */
  signRequest(payload: object | undefined, header: JwsHeader): string
}

export interface JwsHeader {
  url: string
  nonce: string
  /** The account's URL; undefined: the key itself is sent, as for a new account. */
  kid: string | undefined
}

/** What the CA gave out of band to tie our account to one that exists there (RFC 8555 section 7.3.4). */
export interface ExternalAccount {
  kid: string
  hmacKey: Uint8Array
}

/** Reads the key, or makes and keeps it; of two processes that make one both get the same. */
export async function openAccountKey(secrets: SecretStore, name: string): Promise<AccountKey> {
  const found = await secrets.find(name)
  if (found) return readKey(found)
  const { privateKey } = await generateLeafKey('ecdsa')
  return readKey(await secrets.putIfAbsent(name, exportPrivateKey(privateKey)))
}

function readKey(pkcs8: Uint8Array): AccountKey {
  const { privateKey, publicKey } = importKeyPair(pkcs8)
  const jwk = jwkOf(publicKey)
  return {
    jwk,
    thumbprint: thumbprintOf(jwk),
    signRequest(payload, { url, nonce, kid }) {
      const signer = kid === undefined ? { jwk } : { kid }
      return JSON.stringify(
        assemble({ alg: 'ES256', nonce, url, ...signer }, payload, (input) =>
          sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
        ),
      )
    },
  }
}

/** Our key, vouched for with the external account's: the `externalAccountBinding` of a new account. */
export function bindExternalAccount(
  { kid, hmacKey }: ExternalAccount,
  { jwk, url }: { jwk: AccountKey['jwk']; url: string },
): object {
  return assemble({ alg: 'HS256', kid, url }, jwk, (input) =>
    createHmac('sha256', hmacKey).update(input).digest(),
  )
}

function assemble(
  header: object,
  payload: object | undefined,
  signInput: (input: Buffer) => Buffer,
): { protected: string; payload: string; signature: string } {
  const head = base64url(JSON.stringify(header))
  const body = payload === undefined ? '' : base64url(JSON.stringify(payload))
  const signature = signInput(Buffer.from(`${head}.${body}`)).toString('base64url')
  return { protected: head, payload: body, signature }
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
