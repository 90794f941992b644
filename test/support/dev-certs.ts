import { exportPrivateKey, generateLeafKey, type KeyPair } from '#control/ca/keys.ts'
import { signLeaf } from '#control/ca/local/authority.ts'
import { openHierarchy, renderRoots, type Hierarchy } from '#control/ca/local/hierarchy.ts'
import type { Chain, KeyAlgorithm } from '#domain/certificate.ts'
import { systemClock } from '#lib/clock.ts'
import { renderPem } from '#lib/pem.ts'
import { systemRandom } from '#lib/random.ts'
import { memorySecrets } from '#test/memory-secrets.ts'

/** A leaf of one key algorithm with its chain, in the forms that servers and stores take. */
export interface DevChain {
  /** Leaf, then intermediate. */
  certPem: string
  /** PKCS #8. */
  keyPem: string
  /** DER. */
  chain: Chain
  /** PKCS #8 DER. */
  pkcs8: Uint8Array
  notBefore: number
  notAfter: number
}

export interface DevCertificates {
  /** Both roots, PEM: what clients must trust. */
  ca: string
  ecdsa: DevChain
  rsa: DevChain
}

export interface DevCa {
  /** Both roots, PEM. */
  ca: string
  /** Signs both chains for these names, without validating anything. */
  issue(names: readonly string[], options?: DevLeafOptions): Promise<DevCertificates>
}

export interface DevLeafOptions {
  /** @default a minute ago */
  notBefore?: number
  /** @default 30 days from now */
  notAfter?: number
}

/** A development CA and both chains for `names`: the code of the built-in CA, real time. */
export async function makeDevCertificates(
  names: readonly string[],
  options?: DevLeafOptions,
): Promise<DevCertificates> {
  return (await makeDevCa()).issue(names, options)
}

/** For several certificates under one CA. Costs a third of a second: make one a test file. */
export async function makeDevCa(): Promise<DevCa> {
  const now = systemClock.now()
  const hierarchy = await openHierarchy(memorySecrets(), { now, random: systemRandom })
  const ca = renderRoots(hierarchy)
  return {
    ca,
    issue: async (names, options = {}) => {
      const [ecdsa, rsa] = await Promise.all([
        issueChain(hierarchy, 'ecdsa', { names, ...options }),
        issueChain(hierarchy, 'rsa', { names, ...options }),
      ])
      return { ca, ecdsa, rsa }
    },
  }
}

const MINUTE_MS = 60_000
const LIFETIME_MS = 30 * 24 * 60 * MINUTE_MS

async function issueChain(
  hierarchy: Hierarchy,
  keyAlgorithm: KeyAlgorithm,
  request: DevLeafOptions & { names: readonly string[] },
): Promise<DevChain> {
  const now = systemClock.now()
  const { names, notBefore = now - MINUTE_MS, notAfter = now + LIFETIME_MS } = request
  const keys = await generateLeafKey(keyAlgorithm)
  const issuer = hierarchy.intermediates[keyAlgorithm]
  const leaf = await signLeaf({
    issuer,
    keyAlgorithm,
    publicKey: keys.publicKey.export({ type: 'spki', format: 'der' }),
    names,
    validity: { notBefore, notAfter },
    random: systemRandom,
  })
  return {
    certPem: renderPem(leaf) + renderPem(issuer.der),
    ...renderKey(keys),
    chain: { leaf, intermediates: [issuer.der] },
    notBefore: wholeSeconds(notBefore),
    notAfter: wholeSeconds(notAfter),
  }
}

function renderKey({ privateKey }: KeyPair): { keyPem: string; pkcs8: Uint8Array } {
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    pkcs8: exportPrivateKey(privateKey),
  }
}

function wholeSeconds(instant: number): number {
  return Math.floor(instant / 1000) * 1000
}
