import { X509Certificate } from 'node:crypto'

import type { Chain } from '#domain/certificate.ts'

import { IssuerError } from '../issuer.ts'
import type { AcmeClient } from './acme-client.ts'
import type { AcmeResponse } from './acme-http.ts'
import { parsePemChain } from './pem-chain.ts'

export interface ChainRequest {
  client: AcmeClient
  /** Of the certificate (RFC 8555 section 7.4.2). */
  url: string
  /** Common name of the top issuer that is wanted; undefined: the CA's default chain. */
  preferredChain: string | undefined
}

const PEM_CHAIN = 'application/pem-certificate-chain'
/** More ways up than any CA offers. */
const MAX_ALTERNATES = 8
const LINK = /<([^<>\s]{1,2048})>([^<]*)/g

/**
 * Fetches the chain: the one under the wanted top issuer where the CA has it, otherwise the CA's
 * default. An alternate that cannot be had is no reason to go without a certificate.
 */
export async function fetchChain(request: ChainRequest, signal: AbortSignal): Promise<Chain> {
  const { client, url, preferredChain } = request
  const fetch = (from: string): Promise<AcmeResponse> =>
    client.post({ url: from, accept: PEM_CHAIN }, signal)
  const response = await fetch(url)
  const chain = read(response)
  if (preferredChain === undefined || topIssuerOf(chain) === preferredChain) return chain
  for (const alternate of listAlternates(response.headers('link'), url)) {
    const other = await fetch(alternate).then(read).catch(withoutIssuerError)
    if (other && isOf(other, chain) && topIssuerOf(other) === preferredChain) return other
  }
  return chain
}

/** Addresses in `Link: <…>;rel="alternate"` (RFC 8288), in their order. */
export function listAlternates(headers: readonly string[], base: string): string[] {
  const links = headers.flatMap((header) => [...header.matchAll(LINK)])
  return links
    .filter(([, , parameters = '']) => /;\s*rel\s*=\s*"?alternate\b/i.test(parameters))
    .flatMap(([, target = '']) => URL.parse(target, base)?.href ?? [])
    .slice(0, MAX_ALTERNATES)
}

/** The common name above the last certificate of a chain, which has no root; '' where it has none. */
function topIssuerOf({ leaf, intermediates }: Chain): string {
  const last = new X509Certificate(intermediates.at(-1) ?? leaf)
  return [last.toLegacyObject().issuer.CN ?? ''].flat()[0] ?? ''
}

function isOf(other: Chain, { leaf }: Chain): boolean {
  return Buffer.from(other.leaf).equals(leaf)
}

function read({ body }: AcmeResponse): Chain {
  return parsePemChain(body.toString('latin1'))
}

function withoutIssuerError(error: unknown): undefined {
  if (!(error instanceof IssuerError)) throw error
}
