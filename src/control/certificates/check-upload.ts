import type { KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'

import type { Chain, KeyAlgorithm } from '#domain/certificate.ts'
import type { SslConfig } from '#domain/custom-hostname.ts'

import { describeChain } from '../ca/chain.ts'
import { exportPrivateKey } from '../ca/keys.ts'
import type { CertificateDescription } from '../ca/key-maker.ts'
import { isForServers, isValidAt } from './authority-certificate.ts'
import { choosePath } from './choose-path.ts'
import { findPaths, type PathSearch } from './find-paths.ts'
import { readCertificates } from './read-pem.ts'
import { checkKeyIsOf, servedAlgorithmOf } from './served-key.ts'
import { UploadError } from './upload-error.ts'

export interface UploadCheck extends Pick<PathSearch, 'findKnown' | 'roots' | 'now'> {
  /** PEM: the leaf and what came along. */
  certificates: string
  privateKey: KeyObject
  /** Names that it must cover, such as `app.customer.com` and `*.app.customer.com`. */
  names: readonly string[]
  bundleMethod: SslConfig['bundleMethod']
}

export interface CheckedUpload {
  keyAlgorithm: KeyAlgorithm
  chain: Chain
  /** PKCS #8, DER. */
  privateKey: Uint8Array
  description: CertificateDescription
}

/**
 * Whether a certificate that a caller brings can be served, and with which chain (spec section 4).
 *
 * `force` takes the chain as it came, leaf first: nothing is looked for a root, so that a certificate
 * of a CA that only some clients know, or a self-signed one, can be served.
 *
 * @throws {UploadError} the first rule that is broken
 */
export async function checkUpload(upload: UploadCheck): Promise<CheckedUpload> {
  const { privateKey, names, bundleMethod, now } = upload
  const came = readCertificates(upload.certificates)
  const leaf = findLeaf(came)
  const keyAlgorithm = servedAlgorithmOf(publicKeyOf(leaf))
  await checkKeyIsOf(leaf, privateKey)
  const alone = describeChain({ leaf: leaf.raw, intermediates: [] })
  checkNames(alone.hosts, names)
  checkTime(leaf, now)
  const intermediates =
    bundleMethod === 'force'
      ? verbatim(leaf, came)
      : await build(upload, { leaf, hosts: alone.hosts, offered: came, bundle: bundleMethod })
  for (const certificate of [leaf, ...intermediates]) checkSignature(certificate, leaf)
  checkServable([leaf, ...intermediates], privateKey)
  return {
    keyAlgorithm,
    chain: { leaf: plain(leaf), intermediates: intermediates.map(plain) },
    privateKey: exportPrivateKey(privateKey),
    description: alone,
  }
}

/** A certificate of a CA is no leaf, unless it came alone: most self-signed ones say they are CAs. */
function findLeaf(came: readonly X509Certificate[]): X509Certificate {
  const isAlone = came.length === 1
  const leaves = came.filter((each) => isAlone || (!each.ca && each.subject !== each.issuer))
  const different = new Map(leaves.map((each) => [each.fingerprint256, each]))
  const [leaf, other] = different.values()
  if (other) throw new UploadError('several-leaves', `it has ${different.size}, not one`)
  const isAuthority = leaf?.ca && leaf.subject !== leaf.issuer
  if (!leaf || isAuthority) throw new UploadError('no-leaf', 'each certificate is that of a CA')
  return leaf
}

function publicKeyOf(leaf: X509Certificate): KeyObject {
  try {
    return leaf.publicKey
  } catch {
    throw new UploadError('unreadable', 'its public key is of a kind that cannot be read')
  }
}

function verbatim(leaf: X509Certificate, came: readonly X509Certificate[]): X509Certificate[] {
  const [first, ...others] = came
  if (first?.fingerprint256 === leaf.fingerprint256) return others
  throw new UploadError('no-leaf', 'with bundle_method force the leaf must come first')
}

function checkNames(hosts: readonly string[], names: readonly string[]): void {
  const missing = names.find((name) => !hosts.some((host) => covers(host, name)))
  if (missing === undefined) return
  const shown = hosts.slice(0, 5).join(', ') || 'no DNS name'
  throw new UploadError('not-covered', `${missing} is missing: it is for ${shown}`)
}

/** RFC 6125 section 6.4.3: a wildcard is the whole first label and stands for exactly one. */
function covers(host: string, name: string): boolean {
  if (host === name) return true
  return host.startsWith('*.') && !name.startsWith('*') && parentOf(name) === host.slice(2)
}

function parentOf(name: string): string {
  return name.slice(name.indexOf('.') + 1)
}

function checkTime(leaf: X509Certificate, now: number): void {
  if (isValidAt(leaf, now)) return
  const { validFromDate, validToDate } = leaf
  const message =
    now < validFromDate.getTime()
      ? `it is not valid before ${validFromDate.toISOString()}`
      : `it expired at ${validToDate.toISOString()}`
  throw new UploadError('untrusted', message)
}

async function build(
  upload: UploadCheck,
  parts: {
    leaf: X509Certificate
    hosts: readonly string[]
    offered: readonly X509Certificate[]
    bundle: Exclude<SslConfig['bundleMethod'], 'force'>
  },
): Promise<readonly X509Certificate[]> {
  const { leaf, hosts, offered, bundle } = parts
  if (!isForServers(leaf)) {
    throw new UploadError(
      'untrusted',
      'its extended key usage does not include server authentication',
    )
  }
  const paths = await findPaths({ ...upload, leaf, offered, names: hosts })
  const chosen = choosePath(paths, { leaf, bundle })
  if (chosen) return chosen.intermediates
  const issuer = leaf.issuer.replaceAll('\n', ', ')
  const reason =
    leaf.subject === leaf.issuer
      ? 'it is self-signed'
      : `no chain of valid certificates leads from its issuer (${issuer}) to a trusted root: upload the intermediates too`
  throw new UploadError('untrusted', `${reason}, or use bundle_method force`)
}

/**
 * SHA-1 is refused although the specification still lists it: browsers, and OpenSSL in our edges at its
 * default level, take no such certificate any more. SHA-384 and SHA-512 are as good as SHA-256, and
 * public CAs sign with them.
 */
const SIGNATURES = new Map([
  ['1.2.840.10045.4.3.2', 'ECDSA with SHA-256'],
  ['1.2.840.10045.4.3.3', 'ECDSA with SHA-384'],
  ['1.2.840.10045.4.3.4', 'ECDSA with SHA-512'],
  ['1.2.840.113549.1.1.11', 'RSA with SHA-256'],
  ['1.2.840.113549.1.1.12', 'RSA with SHA-384'],
  ['1.2.840.113549.1.1.13', 'RSA with SHA-512'],
])

/** A root's own signature is nothing that anyone checks. */
function checkSignature(certificate: X509Certificate, leaf: X509Certificate): void {
  if (certificate !== leaf && certificate.subject === certificate.issuer) return
  if (SIGNATURES.has(certificate.signatureAlgorithmOid ?? '')) return
  const whose = certificate === leaf ? 'the certificate' : 'an intermediate'
  const name = certificate.signatureAlgorithm ?? certificate.signatureAlgorithmOid
  throw new UploadError('signature', `${whose} is signed with ${name}`)
}

/** The last word has what the edges will do with it. */
function checkServable(chain: readonly X509Certificate[], privateKey: KeyObject): void {
  const cert = chain.map(String).join('')
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  try {
    createSecureContext({ ca: [], cert, key })
  } catch (error) {
    const reason = error instanceof Error ? /[^:]*$/.exec(error.message)?.[0] : undefined
    throw new UploadError('unreadable', `OpenSSL does not serve it: ${reason ?? 'no reason given'}`)
  }
}

function plain({ raw }: X509Certificate): Uint8Array {
  return new Uint8Array(raw)
}
