import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

/**
 * How a certificate is called towards its CA (RFC 9773 section 4.1): the issuer's key identifier and
 * the serial number. Undefined where it has no such identifier, or cannot be read.
 */
export function renderCertificateId(der: Uint8Array): string | undefined {
  const certificate = parse(der)
  const keyId = certificate?.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId
  if (!certificate || !keyId || !/^([0-9a-f]{2})+$/i.test(keyId)) return undefined
  return `${toBase64url(keyId)}.${toBase64url(contentOf(certificate.serialNumber))}`
}

function parse(der: Uint8Array): x509.X509Certificate | undefined {
  try {
    return new x509.X509Certificate(Buffer.from(der))
  } catch {
    return undefined
  }
}

/** The content of the DER INTEGER, which has a zero byte more where the first bit is set. */
function contentOf(serialNumber: string): string {
  const digits = serialNumber.length % 2 === 0 ? serialNumber : `0${serialNumber}`
  return /^[89a-f]/i.test(digits) ? `00${digits}` : digits
}

function toBase64url(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64url')
}
