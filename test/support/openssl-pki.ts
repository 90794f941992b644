import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { ensurePackages, getProgram } from './packages.ts'
import { tempDir } from './temp-dir.ts'

const run = promisify(execFile)

/** A certificate and its key as OpenSSL wrote them. */
export interface Issued {
  /** PEM, this certificate alone. */
  cert: string
  /** PEM. */
  key: string
}

export interface IssueOptions {
  /** @default the first of `names`, or 'unnamed' */
  commonName?: string
  /** DNS names; none for a CA. */
  names?: readonly string[]
  /** Who signs. @default itself */
  issuer?: Issued
  /** Takes the key of this one (to cross-sign, to rekey nothing). @default a new key */
  keyOf?: Issued
  /** As `openssl genpkey` takes it. @default P-256 */
  key?: readonly string[]
  /** Lines of an OpenSSL extension section, beside the alternative names. @default a server's, or a CA's */
  extensions?: readonly string[]
  /** Days from now. @default -1 */
  from?: number
  /** Days from now. @default 90 */
  to?: number
  /** @default 'sha256' */
  digest?: string
}

/** Makes certificates with OpenSSL, of whatever shape a test needs. */
export interface OpensslPki extends AsyncDisposable {
  issue(options: IssueOptions): Promise<Issued>
  /** For a request that somebody else made, PEM; `key` is empty. */
  sign(csr: string, options: IssueOptions & { issuer: Issued }): Promise<Issued>
  /** Runs `openssl` in the folder of this PKI. */
  openssl(...args: string[]): Promise<string>
}

export const EC_P256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'] as const
export const EC_P384 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'] as const
export const RSA_2048 = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'] as const
export const ED25519 = ['-algorithm', 'ED25519'] as const

export const CA = ['basicConstraints=critical,CA:true', 'keyUsage=critical,keyCertSign,cRLSign']
const SERVER = ['basicConstraints=critical,CA:false', 'extendedKeyUsage=serverAuth']

/** With a database of its own for each certificate: OpenSSL locks none. */
const configOf = (n: number): string => `
[ca]
default_ca = all
[all]
database = ${n}.index
new_certs_dir = .
rand_serial = yes
policy = anything
unique_subject = no
[anything]
commonName = optional
`

export async function openOpensslPki(): Promise<OpensslPki> {
  await ensurePackages(['openssl'])
  const dir = tempDir()
  let counted = 0
  const put = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir.path, name), text, { mode: 0o600 })
    return name
  }
  await put('req.cnf', '[req]\ndistinguished_name = none\n[none]\n')
  const openssl = async (...args: string[]): Promise<string> => {
    const options = { cwd: dir.path, timeout: 20_000 }
    return (await run(getProgram('openssl'), args, options)).stdout
  }
  /** @param options.own file with the key of the request: it signs itself */
  const sign = async (csr: string, options: IssueOptions & { own?: string }): Promise<string> => {
    const n = ++counted
    const { names = [], issuer, from = -1, to = 90, digest = 'sha256' } = options
    const usages = options.extensions ?? (names.length > 0 ? SERVER : CA)
    const sans = names.length > 0 ? [`subjectAltName=${names.map((each) => `DNS:${each}`)}`] : []
    const extensions = await put(`${n}.ext`, [...usages, ...sans].join('\n'))
    const config = await put(`${n}.cnf`, configOf(n))
    await put(`${n}.index`, '')
    const signer = issuer
      ? [
          '-cert',
          await put(`${n}.ca`, issuer.cert),
          '-keyfile',
          await put(`${n}.cakey`, issuer.key),
        ]
      : ['-selfsign', '-keyfile', options.own ?? '']
    const dates = ['-startdate', dateOf(from), '-enddate', dateOf(to)]
    const request = ['-in', await put(`${n}.csr`, csr), '-extfile', extensions]
    const common = ['-batch', '-notext', '-config', config, '-md', digest]
    const signed = await openssl('ca', ...common, ...request, ...signer, ...dates)
    return signed.slice(signed.indexOf('-----BEGIN'))
  }
  return {
    openssl,
    async sign(csr, options) {
      return { cert: await sign(csr, options), key: '' }
    },
    async issue(options) {
      const n = ++counted
      const { key: kind = EC_P256, names = [], commonName = names[0] ?? 'unnamed' } = options
      const key = options.keyOf?.key ?? (await openssl('genpkey', ...kind))
      const file = await put(`${n}.key`, key)
      const subject = ['-subj', `/CN=${commonName}`]
      const csr = await openssl('req', '-new', '-config', 'req.cnf', '-key', file, ...subject)
      return { cert: await sign(csr, { ...options, own: file }), key }
    },
    async [Symbol.asyncDispose]() {
      dir.remove()
    },
  }
}

function dateOf(days: number): string {
  const at = new Date(Date.now() + days * 86_400_000).toISOString()
  return `${at.replace(/[-:T]/g, '').slice(0, 14)}Z`
}
