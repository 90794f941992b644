import { spawn } from 'node:child_process'

import { ensurePackages, getProgram } from './packages.ts'

export interface SClientOptions {
  port: number
  /** Undefined: no server name is sent. */
  serverName: string | undefined
  /** Further arguments, such as `-tls1_2`. */
  args?: readonly string[]
  /** File with trusted roots; without it nothing is verified. */
  caFile?: string
  /** What is sent after the handshake. @default nothing */
  input?: string
}

export interface SClientResult {
  /** Standard output and standard error together. */
  text: string
  /** Exit code. */
  code: number | null
  /** `TLSv1.3`; undefined where there was no handshake. */
  version: string | undefined
  cipher: string | undefined
  /** Of the certificate shown; undefined on a resumed session. */
  keyAlgorithm: 'ecdsa' | 'rsa' | undefined
  resumed: boolean
  /** Whether the chain was verified up to a trusted root. */
  verified: boolean
  alpn: string | undefined
  /** `unrecognized name` and the like, where the server sent a fatal alert. */
  alert: string | undefined
}

/** `openssl s_client`, which reads until the server closes. */
export async function sClient(options: SClientOptions): Promise<SClientResult> {
  await ensurePackages(['openssl'])
  const { port, serverName, args = [], caFile, input = '' } = options
  const name = serverName === undefined ? ['-noservername'] : ['-servername', serverName]
  const trust = caFile === undefined ? [] : ['-CAfile', caFile, '-verify_return_error']
  const connect = ['s_client', '-connect', `127.0.0.1:${port}`, '-ign_eof']
  const child = spawn(getProgram('openssl'), [...connect, ...name, ...trust, ...args])
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { text, code, ...readText(text) }
}

function readText(text: string): Omit<SClientResult, 'text' | 'code'> {
  const [, kind, version, cipher] = /^(New|Reused), (\S+), Cipher is (\S+)$/m.exec(text) ?? []
  const has = cipher !== undefined && cipher !== '(NONE)'
  return {
    version: has ? (/^\s+Protocol\s*: (\S+)$/m.exec(text)?.[1] ?? version) : undefined,
    cipher: has ? cipher : undefined,
    keyAlgorithm: readKey(text),
    resumed: has && kind === 'Reused',
    verified: /^Verification: OK$/m.test(text),
    alpn: /^ALPN protocol: (\S+)$/m.exec(text)?.[1],
    alert: /:(?:sslv3|tlsv1|tlsv13) (?:alert )?([a-z ]+):[^\n]*SSL alert number/.exec(text)?.[1],
  }
}

function readKey(text: string): 'ecdsa' | 'rsa' | undefined {
  const type = /^Peer signature type: (\S+)$/m.exec(text)?.[1]
  if (type === undefined) return undefined
  return type.startsWith('RSA') ? 'rsa' : 'ecdsa'
}
