import { X509Certificate } from 'node:crypto'

import type { Chain } from '#domain/certificate.ts'
import { findPemBlocks } from '#lib/pem.ts'

import { IssuerError } from '../issuer.ts'

/** Longer ones are refused by who describes the chain; this bounds the work until then. */
const MAX_CERTIFICATES = 20

/**
 * Reads `application/pem-certificate-chain` (RFC 8555 section 9.1). A root at the end is left out:
 * clients have it.
 *
 * @throws {IssuerError} `rejected` where there is none, or one cannot be read
 */
export function parsePemChain(pem: string): Chain {
  const blocks = findPemBlocks(pem).filter(({ label }) => label === 'CERTIFICATE')
  const found = blocks.map(({ base64 }) => parse(base64))
  const [leaf, ...above] = found
  if (!leaf || found.length > MAX_CERTIFICATES) {
    const message = `The CA sent a chain of ${found.length} certificates.`
    throw new IssuerError('rejected', message)
  }
  const last = above.at(-1)
  const intermediates = last?.checkIssued(last) ? above.slice(0, -1) : above
  return { leaf: derOf(leaf), intermediates: intermediates.map(derOf) }
}

function derOf({ raw }: X509Certificate): Uint8Array {
  return new Uint8Array(raw)
}

function parse(base64: string): X509Certificate {
  try {
    return new X509Certificate(Buffer.from(base64, 'base64'))
  } catch (cause) {
    const message = 'The CA sent a chain with a certificate that cannot be read.'
    throw new IssuerError('rejected', message, { cause })
  }
}
