import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { dirname, join } from 'node:path'

import { makeDevCertificates, type DevCertificates, type DevChain } from './dev-certs.ts'
import { ensurePackages, getProgram } from './packages.ts'
import { freePort } from './ports.ts'
import { startProgram, type Program } from './program.ts'
import { tempDir } from './temp-dir.ts'

export interface PebbleOptions {
  /** Where it looks for http-01 answers, on 127.0.0.1 whatever the name. */
  httpPort: number
  /** The same for tls-alpn-01. @default one where nobody is */
  tlsPort?: number
  /** It makes accounts for these only: HMAC keys in base64url by key identifier. */
  externalAccounts?: Record<string, string>
  /** The DNS server that it asks, `ip:port`. @default one of its own, where every name is 127.0.0.1 */
  dnsServer?: string
  /** Pebble's own settings, such as `PEBBLE_WFE_NONCEREJECT`. */
  env?: Record<string, string>
}

/**
 * Let's Encrypt's test CA in strict mode, as rude as it is by default (it refuses one good nonce in
 * twenty and reuses half of the valid authorizations) but without sleeps, and, where no other is given,
 * the DNS server that it asks, which gives 127.0.0.1 for every name.
 */
export interface Pebble extends AsyncDisposable {
  readonly directoryUrl: string
  readonly pid: number
  readonly port: number
  /** Roots of its own HTTPS, PEM. */
  readonly httpsRoots: string
  /** What it shows, for localhost. */
  readonly httpsChain: DevChain
  /** `127.0.0.1:port` of the DNS server. */
  readonly dnsServer: string
  /** The root of what it issues, PEM; another after each start. @param index of an alternate */
  fetchRoot(index?: number): Promise<string>
  /** Whether a certificate was revoked. @param serial hexadecimal */
  fetchStatus(serial: string): Promise<'Valid' | 'Revoked'>
  /** Its own DNS server has these TXT records at the name, and no others; none: no such name. */
  setTxt(name: string, values: readonly string[]): Promise<void>
  close(): Promise<void>
}

export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  await ensurePackages(['pebble'])
  await using stack = new AsyncDisposableStack()
  const { path: dir } = stack.use(tempDir())
  const [port, managementPort, dnsPort, dnsManagementPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const certificates = await httpsCertificates()
  writeFileSync(join(dir, 'cert.pem'), certificates.ecdsa.certPem)
  writeFileSync(join(dir, 'key.pem'), certificates.ecdsa.keyPem, { mode: 0o600 })
  const { externalAccounts, httpPort, tlsPort = 1 } = options
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: join(dir, 'cert.pem'),
    privateKey: join(dir, 'key.pem'),
    httpPort,
    tlsPort,
    ocspResponderURL: '',
    externalAccountBindingRequired: externalAccounts !== undefined,
    externalAccountMACKeys: externalAccounts ?? {},
  }
  writeFileSync(join(dir, 'pebble.json'), JSON.stringify({ pebble: config }))

  const dnsServer = options.dnsServer ?? `127.0.0.1:${dnsPort}`
  const dnsManagement = `127.0.0.1:${dnsManagementPort}`
  if (!options.dnsServer) stack.use(startDns({ dnsServer, management: dnsManagement }))
  const args = ['-config', join(dir, 'pebble.json'), '-dnsserver', dnsServer, '-strict']
  const env = { PEBBLE_VA_NOSLEEP: '1', ...options.env }
  const pebble = stack.use(startProgram(getProgram('pebble'), args, env))
  const ca = certificates.ca
  const directoryUrl = `https://localhost:${port}/dir`
  await pebble.whenReady(() => get(directoryUrl, ca))

  const owned = stack.move()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= owned.disposeAsync())
  return {
    directoryUrl,
    pid: pebble.pid,
    port,
    httpsRoots: ca,
    httpsChain: certificates.ecdsa,
    dnsServer,
    fetchRoot: (index = 0) => get(`https://localhost:${managementPort}/roots/${index}`, ca),
    async fetchStatus(serial) {
      const path = `/cert-status-by-serial/${serial}`
      const { Status } = JSON.parse(await get(`https://localhost:${managementPort}${path}`, ca))
      return Status
    },
    async setTxt(name, values) {
      const host = `${name}.`
      await tell(`http://${dnsManagement}/clear-txt`, { host })
      for (const value of values) await tell(`http://${dnsManagement}/set-txt`, { host, value })
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function tell(url: string, body: object): Promise<void> {
  const { ok, status } = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  if (!ok) throw new Error(`${url} answered ${status}`)
}

let made: Promise<DevCertificates> | undefined

function httpsCertificates(): Promise<DevCertificates> {
  return (made ??= makeDevCertificates(['localhost']))
}

/** Its other services would only take ports. */
function startDns({ dnsServer, management }: { dnsServer: string; management: string }): Program {
  const program = join(dirname(getProgram('pebble')), 'pebble-challtestsrv')
  const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', '']
  return startProgram(program, ['-dns01', dnsServer, '-management', management, ...off], {})
}

function get(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve(text)).on('error', reject)
    })
    sent.on('error', reject).end()
  })
}
