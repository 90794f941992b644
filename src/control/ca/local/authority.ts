import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

import type { KeyAlgorithm } from '#domain/certificate.ts'
import type { Random } from '#lib/random.ts'

import { toSigningKey, type KeyPair, type SigningKey } from '../keys.ts'

/** A CA certificate and the key to sign with under it. */
export interface Authority {
  der: Uint8Array
  certificate: x509.X509Certificate
  signingKey: SigningKey
}

export interface AuthorityOptions {
  commonName: string
  keys: KeyPair
  validity: Validity
  random: Random
}

/** Milliseconds since the epoch; written in whole seconds. */
export interface Validity {
  notBefore: number
  notAfter: number
}

export interface LeafOptions {
  issuer: Authority
  keyAlgorithm: KeyAlgorithm
  /** SubjectPublicKeyInfo, DER. */
  publicKey: Uint8Array
  /** DNS names, wildcards included; the first is the common name where it fits. */
  names: readonly string[]
  validity: Validity
  random: Random
}

/** The upper bound of a common name (RFC 5280 appendix A.1, ub-common-name). */
const MAX_COMMON_NAME = 64
const ORGANIZATION = 'Custos'
const { digitalSignature, keyEncipherment, keyCertSign, cRLSign } = x509.KeyUsageFlags

export async function createRoot(options: AuthorityOptions): Promise<Authority> {
  const { commonName, keys, validity, random } = options
  const signingKey = toSigningKey(keys.privateKey)
  const publicKey = spki(keys)
  const name = authorityName(commonName)
  const certificate = await x509.X509CertificateGenerator.create({
    ...head(validity, random),
    subject: name,
    issuer: name,
    publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return authority(certificate, signingKey)
}

export async function createIntermediate(
  root: Authority,
  options: AuthorityOptions,
): Promise<Authority> {
  const { commonName, keys, validity, random } = options
  const publicKey = spki(keys)
  const certificate = await x509.X509CertificateGenerator.create({
    ...head(validity, random),
    subject: authorityName(commonName),
    issuer: root.certificate.subjectName,
    publicKey,
    signingKey: root.signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(digitalSignature | keyCertSign | cRLSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(root.certificate.publicKey),
    ],
  })
  return authority(certificate, toSigningKey(keys.privateKey))
}

/**
 * Signs a server certificate (RFC 5280; profile as public CAs issue it). Without a common name the
 * subject is empty and the alternative names are critical (section 4.2.1.6).
 */
export async function signLeaf(options: LeafOptions): Promise<Uint8Array> {
  const { issuer, keyAlgorithm, names, validity, random } = options
  const commonName = names.find((name) => name.length <= MAX_COMMON_NAME)
  const publicKey = new x509.PublicKey(Buffer.from(options.publicKey))
  const usages = keyAlgorithm === 'rsa' ? digitalSignature | keyEncipherment : digitalSignature
  const certificate = await x509.X509CertificateGenerator.create({
    ...head(validity, random),
    subject: new x509.Name(commonName ? [{ CN: [{ utf8String: commonName }] }] : []),
    issuer: issuer.certificate.subjectName,
    publicKey,
    signingKey: issuer.signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(usages, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: 'dns' as const, value })),
        commonName === undefined,
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
    ],
  })
  return new Uint8Array(certificate.rawData)
}

export function authority(certificate: x509.X509Certificate, signingKey: SigningKey): Authority {
  return { der: new Uint8Array(certificate.rawData), certificate, signingKey }
}

function authorityName(commonName: string): x509.Name {
  return new x509.Name([
    { O: [{ utf8String: ORGANIZATION }] },
    { CN: [{ utf8String: commonName }] },
  ])
}

function spki(keys: KeyPair): x509.PublicKey {
  return new x509.PublicKey(keys.publicKey.export({ type: 'spki', format: 'der' }))
}

function head(
  { notBefore, notAfter }: Validity,
  random: Random,
): { serialNumber: string; notBefore: Date; notAfter: Date } {
  return {
    serialNumber: serialNumber(random),
    notBefore: wholeSeconds(notBefore),
    notAfter: wholeSeconds(notAfter),
  }
}

/** 126 random bits; the two bits above make it positive and always 16 bytes (RFC 5280, 4.1.2.2). */
function serialNumber(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

function wholeSeconds(instant: number): Date {
  return new Date(Math.floor(instant / 1000) * 1000)
}
