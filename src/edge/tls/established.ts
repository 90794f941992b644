import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

import type { KeyAlgorithm } from '#domain/certificate.ts'
import type { Hostname } from '#domain/hostname.ts'

import type { HotBinding } from '../hot-binding.ts'
import type { Connection } from '../connection.ts'
import { ECDSA_P256_SHA256, type ClientHello } from './client-hello.ts'
import type { TlsContext } from './context.ts'

/** What the handshake is made with. */
export interface Agreed {
  name: Hostname
  hello: ClientHello
  found: HotBinding
  context: TlsContext
}

interface Circumstances {
  socket: Socket
  agreed: Agreed
  localPort: number
}

/** The client's address as text; undefined where it is gone already. */
export function addressOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress?.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
}

/** @returns undefined where the client is gone already */
export function describeConnection(
  tls: TLSSocket,
  { socket, agreed, localPort }: Circumstances,
): Connection | undefined {
  const { remotePort } = socket
  const remoteAddress = addressOf(socket)
  const version = tls.getProtocol()
  if (remoteAddress === undefined || remotePort === undefined || version === null) return undefined
  const resumed = tls.isSessionReused()
  const cipher = tls.getCipher().name
  return {
    scheme: 'https',
    remoteAddress,
    remotePort,
    localPort,
    tls: {
      serverName: agreed.name,
      binding: agreed.found.binding,
      version,
      cipher,
      resumed,
      keyAlgorithm: resumed ? undefined : keyAlgorithmOf(agreed, { version, cipher }),
      alpn: tls.alpnProtocol === 'h2' ? 'h2' : 'http/1.1',
    },
  }
}

/**
 * Which certificate OpenSSL showed. Up to TLS 1.2 the cipher's name says it; in TLS 1.3, where our
 * order counts, it is the ECDSA one exactly when the client can verify it. (Asking OpenSSL means
 * decoding a certificate per connection.)
 */
function keyAlgorithmOf(
  { hello, context }: Agreed,
  { version, cipher }: { version: string; cipher: string },
): KeyAlgorithm | undefined {
  const { keyAlgorithms } = context
  if (keyAlgorithms.length === 1) return keyAlgorithms[0]
  if (version !== 'TLSv1.3') return cipher.includes('ECDSA') ? 'ecdsa' : 'rsa'
  return hello.signatureAlgorithms.includes(ECDSA_P256_SHA256) ? 'ecdsa' : 'rsa'
}
