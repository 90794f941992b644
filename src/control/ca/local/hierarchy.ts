import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { z } from 'zod'

import { KEY_ALGORITHMS, type KeyAlgorithm } from '#domain/certificate.ts'
import { renderPem } from '#lib/pem.ts'
import type { Random } from '#lib/random.ts'
import type { SecretStore } from '#store/store.ts'

import { jwkOf, thumbprintOf } from '../jwk.ts'
import {
  exportPrivateKey,
  generateLeafKey,
  generateRootKey,
  importKeyPair,
  toSigningKey,
  type KeyPair,
} from '../keys.ts'
import { authority, createIntermediate, createRoot, type Authority } from './authority.ts'

/**
 * The CAs of one installation. One root a key algorithm, each with its own intermediate, so that a
 * chain is of one algorithm from leaf to root: a client that can check nothing but RSA (the reason
 * for the RSA leaf) could not check an RSA intermediate signed by an ECDSA root, nor the reverse.
 * ECDSA is P-256 throughout and the RSA root 3072 bits (both about 128 bits of strength, NIST SP
 * 800-57; 4096 would take up to a second of the first start). The RSA intermediate has 2048 bits like
 * the leaves: it signs each, and is checked in every handshake.
 */
export interface Hierarchy {
  roots: Readonly<Record<KeyAlgorithm, Uint8Array>>
  intermediates: Readonly<Record<KeyAlgorithm, Authority>>
  /** RFC 7638 thumbprint of the account under which challenges are made. */
  accountThumbprint: string
  /** Authenticates orders and derives challenge tokens. */
  orderSecret: Uint8Array
}

export interface HierarchyOptions {
  /** Milliseconds since the epoch. */
  now: number
  random: Random
}

const SECRET_NAME = 'local-ca'
const HOUR_MS = 3_600_000
const YEAR_MS = 365 * 24 * HOUR_MS
const ROOT_LIFETIME_MS = 20 * YEAR_MS
const INTERMEDIATE_LIFETIME_MS = 15 * YEAR_MS

const storedAuthority = z.object({ certificate: z.base64(), key: z.base64() })
const storedPair = z.object({ root: storedAuthority, intermediate: storedAuthority })
const storedHierarchy = z.object({
  version: z.literal(1),
  ecdsa: storedPair,
  rsa: storedPair,
  accountThumbprint: z.string().length(43),
  orderSecret: z.base64(),
})

type StoredPair = z.infer<typeof storedPair>
type StoredHierarchy = z.infer<typeof storedHierarchy>

/** Reads the hierarchy, or makes and keeps it; of two processes that make one both get the same. */
export async function openHierarchy(
  secrets: SecretStore,
  options: HierarchyOptions,
): Promise<Hierarchy> {
  const found = await secrets.find(SECRET_NAME)
  if (found) return parseHierarchy(found)
  const made = Buffer.from(JSON.stringify(await makeHierarchy(options)))
  return parseHierarchy(await secrets.putIfAbsent(SECRET_NAME, made))
}

/** What clients must trust: both roots, PEM. */
export function renderRoots(hierarchy: Hierarchy): string {
  return KEY_ALGORITHMS.map((algorithm) => renderPem(hierarchy.roots[algorithm])).join('')
}

async function makeHierarchy(options: HierarchyOptions): Promise<StoredHierarchy> {
  const label = Buffer.from(options.random.bytes(4)).toString('hex')
  const [ecdsa, rsa, account] = await Promise.all([
    makePair('ecdsa', label, options),
    makePair('rsa', label, options),
    generateLeafKey('ecdsa'),
  ])
  return {
    version: 1,
    ecdsa,
    rsa,
    accountThumbprint: thumbprintOf(jwkOf(account.publicKey)),
    orderSecret: base64(options.random.bytes(32)),
  }
}

/** @param label tells the CAs of several installations apart in a trust store */
async function makePair(
  keyAlgorithm: KeyAlgorithm,
  label: string,
  { now, random }: HierarchyOptions,
): Promise<StoredPair> {
  const [rootKeys, keys] = await Promise.all([
    generateRootKey(keyAlgorithm),
    generateLeafKey(keyAlgorithm),
  ])
  const name = `Custos Local ${keyAlgorithm.toUpperCase()}`
  const notBefore = now - HOUR_MS
  const root = await createRoot({
    commonName: `${name} Root ${label}`,
    keys: rootKeys,
    validity: { notBefore, notAfter: now + ROOT_LIFETIME_MS },
    random,
  })
  const intermediate = await createIntermediate(root, {
    commonName: `${name} CA ${label}`,
    keys,
    validity: { notBefore, notAfter: now + INTERMEDIATE_LIFETIME_MS },
    random,
  })
  return { root: toStored(root, rootKeys), intermediate: toStored(intermediate, keys) }
}

function toStored({ der }: Authority, keys: KeyPair): StoredPair['root'] {
  return { certificate: base64(der), key: base64(exportPrivateKey(keys.privateKey)) }
}

function parseHierarchy(bytes: Uint8Array): Hierarchy {
  const stored = storedHierarchy.parse(JSON.parse(Buffer.from(bytes).toString()))
  return {
    roots: {
      ecdsa: fromBase64(stored.ecdsa.root.certificate),
      rsa: fromBase64(stored.rsa.root.certificate),
    },
    intermediates: { ecdsa: parseIntermediate(stored.ecdsa), rsa: parseIntermediate(stored.rsa) },
    accountThumbprint: stored.accountThumbprint,
    orderSecret: fromBase64(stored.orderSecret),
  }
}

function parseIntermediate({ intermediate }: StoredPair): Authority {
  const { privateKey } = importKeyPair(fromBase64(intermediate.key))
  return authority(
    new x509.X509Certificate(fromBase64(intermediate.certificate)),
    toSigningKey(privateKey),
  )
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function fromBase64(text: string): Buffer<ArrayBuffer> {
  return Buffer.from(text, 'base64')
}
