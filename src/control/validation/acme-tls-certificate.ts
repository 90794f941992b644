import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { createHash, X509Certificate } from 'node:crypto'

/** RFC 8737 section 6.1. */
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31'

/**
 * What is wrong with a certificate that answers tls-alpn-01 (RFC 8737 section 3): it must be for the
 * name alone, and carry the SHA-256 of the key authorization in a critical acmeIdentifier extension.
 *
 * @param der comes from whoever answers: anything
 * @returns the end of a sentence that begins with who answered; undefined where all is right
 */
export function judgeAcmeTlsCertificate(
  der: Uint8Array,
  { identifier, keyAuthorization }: { identifier: string; keyAuthorization: string },
): string | undefined {
  const certificate = parse(der)
  if (!certificate) return 'shows a certificate that cannot be parsed.'
  if (certificate.names.toLowerCase() !== `dns:${identifier.toLowerCase()}`) {
    return `shows a certificate that is not for ${identifier} alone.`
  }
  const { extension } = certificate
  if (!extension) return 'shows a certificate without the acmeIdentifier extension.'
  if (!extension.critical) return 'shows an acmeIdentifier extension that is not critical.'
  const digest = createHash('sha256').update(keyAuthorization).digest()
  // An OCTET STRING of 32 bytes (section 3).
  const wanted = Buffer.concat([Buffer.from([0x04, digest.length]), digest])
  if (wanted.equals(Buffer.from(extension.value))) return undefined
  return 'shows the acmeIdentifier of another challenge.'
}

interface Parsed {
  /** As OpenSSL writes them, each with its kind: `DNS:app.customer.com, DNS:…`. */
  names: string
  extension: { critical: boolean; value: ArrayBuffer } | undefined
}

function parse(der: Uint8Array): Parsed | undefined {
  try {
    const names = new X509Certificate(der).subjectAltName ?? ''
    const extension = new x509.X509Certificate(new Uint8Array(der)).getExtension(ACME_IDENTIFIER)
    return { names, extension: extension ?? undefined }
  } catch {
    return undefined
  }
}
