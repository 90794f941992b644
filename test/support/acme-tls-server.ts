import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { createHash, webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type TlsOptions } from 'node:tls'
import type { AddressInfo, Socket } from 'node:net'

import { systemClock } from '#lib/clock.ts'

export interface AcmeTlsCertificate {
  /** @default ['app.test'] */
  names?: readonly string[]
  /** Undefined: no acmeIdentifier extension. */
  keyAuthorization?: string | undefined
  /** @default true */
  critical?: boolean
}

export interface AcmeTlsServer extends AsyncDisposable {
  readonly port: number
  /** What the clients asked for: `servername protocols`. */
  readonly hellos: readonly string[]
}

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const
const DAY_MS = 86_400_000

/** A self-signed certificate for tls-alpn-01 (RFC 8737 section 3), with the mistakes asked for. */
export async function makeAcmeTlsCertificate(
  options: AcmeTlsCertificate,
): Promise<{ cert: string; key: string }> {
  const { names = ['app.test'], keyAuthorization, critical = true } = options
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify'])
  const now = systemClock.now()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + DAY_MS),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      ...(keyAuthorization === undefined ? [] : [identifier(keyAuthorization, critical)]),
    ],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`
  return { cert: certificate.toString('pem'), key }
}

function identifier(keyAuthorization: string, critical: boolean): x509.Extension {
  const digest = createHash('sha256').update(keyAuthorization).digest()
  const value = new Uint8Array([0x04, digest.length, ...digest])
  return new x509.Extension('1.3.6.1.5.5.7.1.31', critical, value)
}

/** A customer's TLS server on loopback; closing it cuts what is open. */
export async function startAcmeTlsServer(
  options: TlsOptions,
  { address = '127.0.0.1', port = 0 }: { address?: string; port?: number } = {},
): Promise<AcmeTlsServer> {
  const hellos: string[] = []
  const sockets = new Set<Socket>()
  const choose: TlsOptions['ALPNCallback'] = ({ servername, protocols }) => {
    hellos.push(`${servername} ${protocols.join()}`)
    return protocols.find((protocol) => protocol === 'acme-tls/1')
  }
  const server = createServer(
    'ALPNProtocols' in options ? options : { ...options, ALPNCallback: choose },
  )
  server.on('tlsClientError', () => {})
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(port, address)
  await once(server, 'listening')
  const { port: bound } = server.address() as AddressInfo
  return {
    port: bound,
    hellos,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
