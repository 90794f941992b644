import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'

import type { Chain } from '#domain/certificate.ts'

import { IssuerError } from './issuer.ts'
import type { CertificateDescription } from './key-maker.ts'

/** Longer than any public CA's, and a bound on what a CA can make us store. */
const MAX_CHAIN_LENGTH = 8

/** @throws {IssuerError} `rejected` where a certificate cannot be read */
export function describeChain(chain: Chain): CertificateDescription {
  const leaf = parseCertificate(chain.leaf)
  return {
    issuer: issuerName(leaf),
    serialNumber: leaf.serialNumber.toLowerCase(),
    signature: signatureName(leaf),
    fingerprintSha256: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    hosts: hostsOf(leaf),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  }
}

/**
 * Whether what a CA sent can be served: the leaf is for this key and covers these names, and each
 * certificate is signed by the next.
 *
 * @throws {IssuerError} `rejected` with the first rule that is broken
 */
export function checkChain(
  chain: Chain,
  { privateKey, names }: { privateKey: Uint8Array; names: readonly string[] },
): void {
  const leaf = parseCertificate(chain.leaf)
  if (!leaf.checkPrivateKey(parseKey(privateKey))) refuse('the leaf is for another key')
  const hosts = new Set(hostsOf(leaf))
  const missing = names.find((name) => !hosts.has(name))
  if (missing !== undefined) refuse(`the leaf does not cover ${missing}`)
  checkLinks([leaf, ...chain.intermediates.map(parseCertificate)])
}

function checkLinks(certificates: readonly X509Certificate[]): void {
  if (certificates.length > MAX_CHAIN_LENGTH) {
    refuse(`it has ${certificates.length} certificates, more than ${MAX_CHAIN_LENGTH}`)
  }
  for (const [index, certificate] of certificates.entries()) {
    const issuer = certificates[index + 1]
    if (!issuer) return
    if (!issuer.ca) refuse(`certificate ${index + 2} is not a CA's`)
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
      refuse(`certificate ${index + 1} is not signed by the next`)
    }
  }
}

function refuse(reason: string): never {
  throw new IssuerError('rejected', `The chain that the CA sent cannot be used: ${reason}.`)
}

function parseCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch (cause) {
    const message = 'The chain that the CA sent cannot be used: a certificate cannot be read.'
    throw new IssuerError('rejected', message, { cause })
  }
}

function parseKey(pkcs8: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
}

/** DNS names among the alternative names; Node quotes those with unusual characters, which we refuse. */
function hostsOf(certificate: X509Certificate): string[] {
  const entries = certificate.subjectAltName?.split(', ') ?? []
  return entries
    .filter((entry) => /^DNS:[^"]+$/.test(entry))
    .map((entry) => entry.slice('DNS:'.length).toLowerCase())
}

function issuerName(certificate: X509Certificate): string {
  const { CN: commonName, O: organization } = certificate.toLegacyObject().issuer
  return [commonName ?? organization ?? ''].flat()[0] ?? ''
}

/** As the API writes it, by object identifier (RFC 8017, RFC 5758); others as the dotted identifier. */
function signatureName(certificate: X509Certificate): string {
  const { signatureAlgorithmOid: oid } = certificate
  return SIGNATURE_NAMES.get(oid) ?? oid
}

const SIGNATURE_NAMES = new Map([
  ['1.2.840.10045.4.3.2', 'ECDSAWithSHA256'],
  ['1.2.840.10045.4.3.3', 'ECDSAWithSHA384'],
  ['1.2.840.10045.4.3.4', 'ECDSAWithSHA512'],
  ['1.2.840.113549.1.1.5', 'SHA1WithRSA'],
  ['1.2.840.113549.1.1.11', 'SHA256WithRSA'],
  ['1.2.840.113549.1.1.12', 'SHA384WithRSA'],
  ['1.2.840.113549.1.1.13', 'SHA512WithRSA'],
])
