import { connect, createSecureContext, type TLSSocket } from 'node:tls'

import type { Hostname } from '#domain/hostname.ts'
import type { OrderChallenge } from '#domain/order.ts'
import type { Clock } from '#lib/clock.ts'

import type { DnsAddress, Resolver } from '../dns/resolver.ts'
import type { ChallengeFinding } from '../lifecycle/inspector.ts'
import { judgeAcmeTlsCertificate } from './acme-tls-certificate.ts'
import { DNS_FAILURES, noUsableAddress } from './dns-failures.ts'
import { familiesOf, judgeFamilies, type FamilyLook } from './family-finding.ts'

export interface TlsChallengeOptions {
  resolver: Resolver
  clock: Clock
  /** Where hostnames are asked over TLS: 443, but for tests and demos. */
  port: number
}

/** RFC 8737 section 6.2. */
const PROTOCOL = 'acme-tls/1'
/** Addresses tried of one family, as for HTTP: see well-known-fetch.ts. */
const MAX_ADDRESSES = 4
/** For the addresses of one family together; as long as Let's Encrypt waits. */
const PATIENCE_MS = 10_000

/** One for all: a context of its own for each look would live until it is collected. */
const context = createSecureContext({ minVersion: 'TLSv1.2' })

/**
 * Looks at a tls-alpn-01 challenge over IPv6 and IPv4 as a CA does (RFC 8737 section 3): a handshake
 * that offers `acme-tls/1` alone; nothing is sent or read over the connection. Only addresses
 * without a flaw (address-rule.ts).
 */
export async function inspectTlsChallenge(
  challenge: OrderChallenge & { hostname: Hostname },
  options: TlsChallengeOptions,
  signal: AbortSignal,
): Promise<ChallengeFinding> {
  const { hostname } = challenge
  const found = await options.resolver.resolveAddresses(hostname, signal)
  if (found.outcome !== 'found') return notReady(DNS_FAILURES[found.outcome](hostname))
  const families = familiesOf(found.values)
  if (families.length === 0) return notReady(noUsableAddress(hostname, found.values))
  const looks = families.map((family) => {
    const addresses = found.values
      .filter((each) => each.family === family && each.flaw === undefined)
      .slice(0, MAX_ADDRESSES)
    return lookAtFamily({ challenge, family, addresses, options, signal })
  })
  return judgeFamilies(await Promise.all(looks))
}

interface Look {
  challenge: OrderChallenge & { hostname: Hostname }
  family: 4 | 6
  addresses: readonly DnsAddress[]
  options: TlsChallengeOptions
  signal: AbortSignal
}

/** One address after the other until one takes the connection. */
async function lookAtFamily(look: Look): Promise<FamilyLook> {
  const { challenge, addresses, family } = look
  const problems: string[] = []
  for (const { address } of addresses) {
    const shaken = await shakeHands(address, look)
    const subject = `${challenge.hostname} (${address})`
    if (shaken.certificate) {
      const flaw = judgeAcmeTlsCertificate(shaken.certificate, challenge)
      return { family, isReached: true, problem: flaw && `${subject} ${flaw}` }
    }
    problems.push(`${subject} ${shaken.flaw}`)
    if (shaken.isConnected || look.signal.aborted) {
      return { family, isReached: shaken.isConnected, problem: problems.at(-1) }
    }
  }
  return { family, isReached: false, problem: problems.at(-1) }
}

type Shaken =
  | { certificate: Uint8Array }
  /** `flaw`: the end of a sentence that begins with who was asked. */
  | { certificate?: undefined; flaw: string; isConnected: boolean }

/** Never rejects: a failure is a result. */
function shakeHands(
  address: string,
  { challenge, addresses, options, signal }: Look,
): Promise<Shaken> {
  const { promise, resolve } = Promise.withResolvers<Shaken>()
  const { port, clock } = options
  let isConnected = false
  const socket = connect({
    host: address,
    port,
    servername: challenge.hostname,
    ALPNProtocols: [PROTOCOL],
    secureContext: context,
    // Self-signed by design: the extension is the proof.
    rejectUnauthorized: false,
  })
  const fail = (flaw: string): void => resolve({ flaw, isConnected })
  const stop = (): void => fail(`did not answer on port ${port} in time.`)
  const timer = clock.after(PATIENCE_MS / addresses.length, stop)
  signal.addEventListener('abort', stop, { once: true })
  socket.once('connect', () => (isConnected = true))
  socket.once('secureConnect', () => resolve(readHandshake(socket, port)))
  socket.on('error', (error: NodeJS.ErrnoException) => fail(flawOf(error.code ?? '', port)))
  socket.once('close', () => fail(`closed the connection on port ${port} during the handshake.`))
  return promise.finally(() => {
    timer.cancel()
    signal.removeEventListener('abort', stop)
    socket.destroy()
  })
}

function readHandshake(socket: TLSSocket, port: number): Shaken {
  const certificate = socket.getPeerX509Certificate()
  if (socket.alpnProtocol === PROTOCOL && certificate) return { certificate: certificate.raw }
  return { flaw: `does not speak ${PROTOCOL} on port ${port}.`, isConnected: true }
}

function flawOf(code: string, port: number): string {
  if (code === 'ECONNREFUSED') return `refused the connection on port ${port}.`
  if (code.includes('NO_APPLICATION_PROTOCOL')) return `does not speak ${PROTOCOL} on port ${port}.`
  if (code.includes('UNRECOGNIZED_NAME')) return `does not know this name on port ${port}.`
  if (code === 'ETIMEDOUT') return `did not answer on port ${port} in time.`
  if (UNREACHABLE.has(code)) return `cannot be reached on port ${port}.`
  return `did not complete a TLS handshake on port ${port}.`
}

const UNREACHABLE = new Set([
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EHOSTDOWN',
  'ENETDOWN',
  'EACCES',
  'EPERM',
  'EINVAL',
])

function notReady(problem: string): ChallengeFinding {
  return { isReady: false, problem }
}
