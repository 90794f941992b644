import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { KEY_ALGORITHMS } from '#domain/certificate.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'

/**
 * `node certs-dev/make.ts <dir> [names…]`: a new development CA and one ECDSA and one RSA chain for
 * the names (default `localhost`), for benches and trials. Writes
 *
 *     ca.pem                          both roots: what clients must trust
 *     ecdsa.pem  ecdsa.key            leaf and intermediate; PKCS #8 key (0600)
 *     rsa.pem    rsa.key
 *     ecdsa-bundle.pem rsa-bundle.pem chain and key in one file, as HAProxy takes them (0600)
 */
const [directory, ...names] = process.argv.slice(2)
if (!directory) {
  console.error('usage: node certs-dev/make.ts <dir> [names…]')
  process.exit(64)
}

const made = await makeDevCertificates(names.length > 0 ? names : ['localhost'])
mkdirSync(directory, { recursive: true })
writeFileSync(join(directory, 'ca.pem'), made.ca)
for (const algorithm of KEY_ALGORITHMS) {
  const { certPem, keyPem } = made[algorithm]
  const secret = { mode: 0o600 }
  writeFileSync(join(directory, `${algorithm}.pem`), certPem)
  writeFileSync(join(directory, `${algorithm}.key`), keyPem, secret)
  writeFileSync(join(directory, `${algorithm}-bundle.pem`), certPem + keyPem, secret)
}
