import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { makeDevCertificates, type DevChain } from '#test/dev-certs.ts'

export interface BenchCertificates {
  /** PEM of the roots. */
  ca: string
  ecdsa: ChainFiles
  rsa: ChainFiles
}

export interface ChainFiles {
  /** PEM: leaf, then intermediate. */
  chainFile: string
  keyFile: string
}

/**
 * Chains from the code of the built-in CA, so that key types, chain lengths and sizes are those that
 * Custos serves. Its own chains cannot be shared: their keys never leave it.
 */
export async function makeCertificates(
  directory: string,
  hostname: string,
): Promise<BenchCertificates> {
  const { ca, ecdsa, rsa } = await makeDevCertificates([hostname])
  const write = (name: string, { certPem, keyPem }: DevChain): ChainFiles => {
    const files = {
      chainFile: join(directory, `${name}.pem`),
      keyFile: join(directory, `${name}.key`),
    }
    writeFileSync(files.chainFile, certPem)
    writeFileSync(files.keyFile, keyPem, { mode: 0o600 })
    return files
  }
  return { ca, ecdsa: write('ecdsa', ecdsa), rsa: write('rsa', rsa) }
}
