import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'

import { KEY_ALGORITHMS, type KeyAlgorithm } from '#domain/certificate.ts'

import { waitUntil } from './wait.ts'

/** A client that can but one kind. */
export const SIGALGS = {
  ecdsa: 'ecdsa_secp256r1_sha256',
  rsa: 'rsa_pss_rsae_sha256',
} as const satisfies Record<KeyAlgorithm, string>

/** One visitor of each kind who comes back for ever, each time with a new handshake. */
export interface Visitors {
  /** Waits until both were last shown such a certificate. */
  untilAllSee(isWanted: (shown: PeerCertificate) => boolean): Promise<void>
  stop(): Promise<{ handshakes: number; failures: string[] }>
}

export interface VisitorsOptions {
  port: number
  hostname: string
  /** Roots, PEM. */
  ca: string
}

/** Bounds a test that went wrong. */
const MAX_VISITS = 20_000

/** Begins at once; every handshake is verified up to a root and for the name. */
export function startVisitors(options: VisitorsOptions): Visitors {
  const failures: string[] = []
  const seen = new Map<KeyAlgorithm, PeerCertificate>()
  let handshakes = 0
  const stopping = new AbortController()
  const visit = async (kind: KeyAlgorithm): Promise<void> => {
    while (!stopping.signal.aborted && handshakes < MAX_VISITS) {
      try {
        seen.set(kind, await shakeHands(kind, options))
      } catch (error) {
        failures.push(`${kind} after ${handshakes}: ${String(error)}`)
      }
      handshakes++
    }
  }
  const running = KEY_ALGORITHMS.map(visit)
  return {
    untilAllSee: (isWanted) =>
      waitUntil('all visitors see the certificates', () => {
        const shown = [...seen.values()]
        return shown.length === running.length && shown.every(isWanted)
      }),
    async stop() {
      stopping.abort()
      await Promise.all(running)
      return { handshakes, failures }
    },
  }
}

function shakeHands(
  kind: KeyAlgorithm,
  { port, hostname, ca }: VisitorsOptions,
): Promise<PeerCertificate> {
  const { promise, resolve, reject } = Promise.withResolvers<PeerCertificate>()
  const socket: TLSSocket = connect({
    port,
    host: '127.0.0.1',
    servername: hostname,
    ca,
    sigalgs: SIGALGS[kind],
  })
  socket.once('secureConnect', () => {
    resolve(socket.getPeerCertificate())
    socket.destroy()
  })
  socket.once('error', reject)
  socket.setTimeout(10_000, () => socket.destroy(new Error('no handshake within 10 s')))
  return promise
}
