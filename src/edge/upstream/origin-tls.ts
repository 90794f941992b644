import {
  checkServerIdentity,
  createSecureContext,
  rootCertificates,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls'

export interface OriginTlsOptions {
  /** Roots trusted beside the built-in ones, PEM each: private CAs, tests. @default none */
  extraRoots?: readonly string[]
}

/**
 * How origins are verified. One context for all connections: a context for each would hold its memory
 * until it is collected (nodejs/node#66002). The certificate is always verified.
 */
export interface OriginTls {
  readonly context: SecureContext
}

export function createOriginTls(options: OriginTlsOptions = {}): OriginTls {
  const { extraRoots = [] } = options
  const context = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(extraRoots.length > 0 && { ca: [...rootCertificates, ...extraRoots] }),
  })
  return { context }
}

/**
 * The origin's certificate must cover the server name that was sent or the origin's own host: an
 * origin that serves all customers' names behind one certificate of its own is what a fallback
 * origin usually is.
 *
 * @returns the reason against it, or undefined
 */
export function checkOriginIdentity(
  names: readonly string[],
  certificate: PeerCertificate,
): Error | undefined {
  let reason: Error | undefined
  for (const name of names) {
    reason = checkServerIdentity(name, certificate)
    if (reason === undefined) return undefined
  }
  return reason
}
