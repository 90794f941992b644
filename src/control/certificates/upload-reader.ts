import { X509Certificate, type KeyObject } from 'node:crypto'

import type { Certificate } from '#domain/certificate.ts'
import { isUsableIn } from '#domain/custom-csr.ts'
import type { SslConfig } from '#domain/custom-hostname.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { Sealer } from '#lib/sealing.ts'
import type { Store } from '#store/store.ts'

import { importKeyPair } from '../ca/keys.ts'
import { checkUpload } from './check-upload.ts'
import { readPrivateKey } from './read-pem.ts'
import { createTrustedRoots } from './trusted-roots.ts'
import { UploadError } from './upload-error.ts'

/** A certificate as a caller brings it. */
export interface Upload {
  /** PEM: the leaf and what came along. */
  certificates: string
  /** The private key, PEM; or the custom CSR that the certificate was signed for. */
  key: { pem: string } | { csrId: string }
}

/** What it is for. */
export interface UploadTarget extends Pick<SslConfig, 'wildcard' | 'bundleMethod'> {
  hostnameId: string
  zoneId: string
  hostname: Hostname
}

export interface UploadReader {
  /**
   * Checks an upload and makes what is stored of it, the key sealed. The same certificate once more
   * (clients send it along with each change of a setting) is the one that the hostname has.
   *
   * @throws {UploadError} the first rule that is broken
   */
  read(upload: Upload, target: UploadTarget): Promise<Certificate>
}

export interface UploadReaderOptions {
  store: Pick<Store, 'certificates' | 'csrs'>
  sealer: Sealer
  clock: Clock
  random: Random
  /** Roots that chains may end in besides the public ones, PEM each. @default none */
  roots?: readonly string[]
}

export function createUploadReader(options: UploadReaderOptions): UploadReader {
  const { store, sealer, clock, random } = options
  const roots = createTrustedRoots(options.roots)
  const findKnown = async (subject: string): Promise<X509Certificate[]> =>
    (await store.certificates.findIntermediates(subject)).map((der) => new X509Certificate(der))
  return {
    async read({ certificates, key }, target) {
      const { hostnameId, hostname, wildcard, bundleMethod } = target
      const privateKey = await openKey(key, target, options)
      const names = wildcard ? [hostname, `*.${hostname}`] : [hostname]
      const now = clock.now()
      const checks = { names, bundleMethod, findKnown, roots, now }
      const checked = await checkUpload({ certificates, privateKey, ...checks })
      const id = random.uuid()
      const certificate: Certificate = {
        ...checked.description,
        id,
        hostnameId,
        ca: undefined,
        keyAlgorithm: checked.keyAlgorithm,
        chain: checked.chain,
        sealedKey: sealer.seal(checked.privateKey, id),
        ...('csrId' in key && { csrId: key.csrId }),
        createdAt: now,
      }
      const stored = await store.certificates.listByHostname(hostnameId)
      return stored.find((one) => isSame(one, certificate)) ?? certificate
    },
  }
}

async function openKey(
  key: Upload['key'],
  { zoneId }: UploadTarget,
  { store, sealer }: UploadReaderOptions,
): Promise<KeyObject> {
  if ('pem' in key) return readPrivateKey(key.pem)
  const csr = await store.csrs.find(key.csrId)
  if (!csr || !isUsableIn(csr, zoneId)) throw new UploadError('csr-not-found', key.csrId)
  return importKeyPair(sealer.open(csr.sealedKey, csr.id)).privateKey
}

function isSame(one: Certificate, other: Certificate): boolean {
  return one.csrId === other.csrId && renderChain(one).equals(renderChain(other))
}

function renderChain({ chain: { leaf, intermediates } }: Certificate): Buffer {
  return Buffer.concat([leaf, ...intermediates])
}
