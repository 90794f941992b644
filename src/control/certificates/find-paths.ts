import type { X509Certificate } from 'node:crypto'

import { readAuthority } from './authority-certificate.ts'
import { isQuickToVerify } from './key-cost.ts'
import type { TrustedRoot, TrustedRoots } from './trusted-roots.ts'

/** A way from the leaf to a root: the certificates between them, the leaf's issuer first. */
export interface ChainPath {
  intermediates: readonly X509Certificate[]
  root: TrustedRoot
}

export interface PathSearch {
  leaf: X509Certificate
  /** DNS names of the leaf, which name constraints above it must permit. */
  names: readonly string[]
  /** What came along with the leaf, in any order; what does not help is passed over. */
  offered: readonly X509Certificate[]
  /** What is known besides: CA certificates of this subject. */
  findKnown(subject: string): Promise<readonly X509Certificate[]>
  roots: TrustedRoots
  now: number
}

/** Certificates from leaf to root: longer than any public CA's. */
const MAX_LENGTH = 8
/** Signatures checked in one search, a millisecond each at worst: whoever uploads chooses their number. */
const MAX_CHECKS = 100
/** Certificates stood on in one search: many of one name, each signing each, make a power of ways. */
const MAX_STEPS = 200

/**
 * All ways from a leaf to a trusted root (RFC 5280 section 6, RFC 4158): each certificate is signed by
 * the next, which is a CA for servers, valid now, with path length and name constraints that allow it.
 * No name is twice on a way. Revocation is not looked at, and no certificate is fetched (AIA): what an
 * upload points to is not ours to ask.
 */
export async function findPaths(search: PathSearch): Promise<ChainPath[]> {
  const found: ChainPath[] = []
  const isSignedBy = signatureChecks()
  const listIssuers = issuersOf(search)
  let steps = 0
  const climb = async (path: readonly X509Certificate[]): Promise<void> => {
    const top = path.at(-1) ?? search.leaf
    const isAllowed = (issuer: X509Certificate): boolean =>
      maySign(issuer, path.length, search) && isSignedBy(top, issuer)
    for (const root of search.roots.find(top.issuer)) {
      if (isAllowed(root.certificate)) found.push({ intermediates: path, root })
    }
    if (path.length + 2 >= MAX_LENGTH || ++steps > MAX_STEPS) return
    for (const issuer of await listIssuers(top.issuer)) {
      const isTwice = path.some(({ subject }) => subject === issuer.subject)
      if (!isTwice && isAllowed(issuer)) await climb([...path, issuer])
    }
  }
  await climb([])
  return found
}

/** Intermediates by name, each once; a name is looked up once. Roots end a way and are none. */
function issuersOf({
  leaf,
  offered,
  findKnown,
  roots,
}: PathSearch): (name: string) => Promise<readonly X509Certificate[]> {
  const listed = new Map<string, readonly X509Certificate[]>()
  return async (name) => {
    const known = listed.get(name)
    if (known) return known
    const named = offered.filter(({ subject }) => subject === name)
    const all = [...named, ...(await findKnown(name))]
    const byFingerprint = new Map(all.map((each) => [each.fingerprint256, each]))
    byFingerprint.delete(leaf.fingerprint256)
    const issuers = [...byFingerprint.values()].filter(
      (each) => each.issuer !== each.subject && !roots.has(each),
    )
    listed.set(name, issuers)
    return issuers
  }
}

/** @param below CAs between it and the leaf */
function maySign(issuer: X509Certificate, below: number, { names, now }: PathSearch): boolean {
  const rules = readAuthority(issuer, now)
  return rules !== undefined && (rules.pathLength ?? Infinity) >= below && rules.permits(names)
}

/** Remembers what it checked; from `MAX_CHECKS` on nothing is signed by anything. */
function signatureChecks(): (certificate: X509Certificate, issuer: X509Certificate) => boolean {
  const checked = new Map<string, boolean>()
  return (certificate, issuer) => {
    const pair = `${certificate.fingerprint256} ${issuer.fingerprint256}`
    const known = checked.get(pair)
    if (known !== undefined) return known
    if (checked.size >= MAX_CHECKS) return false
    const isSigned = certificate.checkIssued(issuer) && hasSigned(issuer, certificate)
    checked.set(pair, isSigned)
    return isSigned
  }
}

function hasSigned(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    const { publicKey } = issuer
    return isQuickToVerify(publicKey) && certificate.verify(publicKey)
  } catch {
    return false
  }
}
