import type { Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'

import { normaliseServerName, type Hostname } from '#domain/hostname.ts'
import type { Logger } from '#lib/log.ts'

import type { BindingCache } from '../bindings.ts'
import type { Connection, ProtocolServer } from '../connection.ts'
import type { HotBinding } from '../hot-binding.ts'
import type { Sightings } from '../sightings.ts'
import type { Sweeper, Timed } from '../sweeper.ts'
import { sayGoodbye, sendAlert, type AlertName } from './alert.ts'
import {
  ACME_TLS_ALPN,
  isChallengeHello,
  type Challenges,
  type OpenChallenge,
} from './challenges.ts'
import { ClientHelloReader, type ClientHello, type MalformedReason } from './client-hello.ts'
import { addressOf, describeConnection, type Agreed } from './established.ts'
import type { HandshakeMetrics, HandshakeResult } from './handshake-metrics.ts'
import { renderPlainHttpAnswer } from './plain-http.ts'
import { releaseControl } from './release-control.ts'

/** What all handshakes of a listener share. */
export interface HandshakeEnvironment {
  bindings: Pick<BindingCache, 'findHot' | 'tlsContextOf'>
  challenges: Pick<Challenges, 'find' | 'contextOf'>
  http1: ProtocolServer
  http2: ProtocolServer
  metrics: HandshakeMetrics
  sightings: Pick<Sightings, 'noteHandshake' | 'noteChallenge'>
  sweeper: Sweeper
  logger: Logger
  limits: HandshakeLimits
  defaultHostname: Hostname | undefined
  /** Port that the connection was accepted on. */
  localPort: number
  /** The handshake is over, one way or the other; called once. */
  onEnd(handshake: Handshake): void
}

export interface HandshakeLimits {
  /** From the connection to the end of the ClientHello and its look-up. @default 5_000 */
  helloMs: number
  /** From there to the end of the handshake. @default 10_000 */
  handshakeMs: number
  /** How long a refused client may take to close. @default 1_000 */
  lingerMs: number
}

type Phase = 'hello' | 'look-up' | 'handshake' | 'goodbye' | 'ended'

/** Why a client is refused, and what it is told. */
const REFUSALS = {
  'no-server-name': 'unrecognized_name',
  'unknown-name': 'unrecognized_name',
  'not-ready': 'unrecognized_name',
  'malformed-hello': 'decode_error',
  'directory-unavailable': 'internal_error',
  'unusable-certificate': 'internal_error',
  'no-challenge': 'no_application_protocol',
} as const satisfies Partial<Record<HandshakeResult, AlertName>>

/**
 * The start of one connection on the TLS port: hello → look-up → handshake → protocol room.
 *
 * Owns the socket until a protocol room takes it over; whatever happens before, the socket is closed
 * and the end is counted and reported, once.
 */
export class Handshake implements Timed {
  deadline: number
  readonly #environment: HandshakeEnvironment
  readonly #socket: Socket
  readonly #reader = new ClientHelloReader()
  #phase: Phase = 'hello'
  #tls: TLSSocket | undefined

  constructor(socket: Socket, environment: HandshakeEnvironment) {
    this.#socket = socket
    this.#environment = environment
    this.deadline = environment.sweeper.now() + environment.limits.helloMs
    socket.on('error', ignoreError)
    socket.on('close', this.#onClose)
    socket.on('data', this.#onData)
    environment.sweeper.add(this)
  }

  onDeadline(): void {
    if (this.#phase === 'goodbye') this.#end()
    else this.#end(this.#phase === 'handshake' ? 'handshake-timeout' : 'hello-timeout')
  }

  /** Ends it to make room for others. */
  crowdOut(): void {
    this.#end(this.#phase === 'goodbye' ? undefined : 'crowded-out')
  }

  /** Ends it because the listener goes away. */
  destroy(): void {
    this.#end(this.#phase === 'goodbye' ? undefined : 'shutting-down')
  }

  readonly #onClose = (): void => {
    this.#end(this.#phase === 'goodbye' ? undefined : 'client-gone')
  }

  readonly #onData = (chunk: Buffer): void => {
    const result = this.#reader.push(chunk)
    switch (result.state) {
      case 'partial':
        return
      case 'complete':
        return this.#onHello(result)
      case 'malformed':
        return this.#refuse('malformed-hello', alertFor(result.reason))
      case 'plain-http':
        return this.#refusePlainHttp()
      default:
        return result satisfies never
    }
  }

  /** Puts the bytes back, so that OpenSSL reads them as if nobody had. */
  #onHello(hello: ClientHello): void {
    const { defaultHostname } = this.#environment
    this.#phase = 'look-up'
    this.#socket.pause()
    this.#socket.removeListener('data', this.#onData)
    this.#socket.unshift(this.#reader.bytes())
    const sent = hello.serverName === undefined ? undefined : normaliseServerName(hello.serverName)
    const isChallenge = isChallengeHello(hello)
    // The default hostname answers no challenges: the CA names what it wants to see proved.
    const name = sent ?? (isChallenge ? undefined : defaultHostname)
    if (name === undefined) {
      return this.#refuse(hello.serverName === undefined ? 'no-server-name' : 'unknown-name')
    }
    if (isChallenge) this.#lookUpChallenge(name)
    else this.#lookUp(name, hello)
  }

  /** From memory, the usual case, within the same turn. */
  #lookUp(name: Hostname, hello: ClientHello): void {
    const found = this.#environment.bindings.findHot(name)
    if (!(found instanceof Promise)) return this.#onFound(name, { hello, found })
    found.then(
      (found) => this.#onFound(name, { hello, found }),
      () => this.#refuse('directory-unavailable'),
    )
  }

  #onFound(
    name: Hostname,
    { hello, found }: { hello: ClientHello; found: HotBinding | undefined },
  ): void {
    const { bindings, defaultHostname } = this.#environment
    if (this.#phase !== 'look-up') return
    if (!found) {
      const hasOther = defaultHostname !== undefined && defaultHostname !== name
      return hasOther ? this.#lookUp(defaultHostname, hello) : this.#refuse('unknown-name')
    }
    const { missing, chains } = found.binding
    if (missing.length > 0 || chains.length === 0) return this.#refuse('not-ready')
    const context = bindings.tlsContextOf(found)
    if (!context) return this.#refuse('unusable-certificate')
    this.#shakeHands({ name, hello, found, context })
  }

  #shakeHands(agreed: Agreed): void {
    const { secureContext, alpn } = agreed.context
    const tls = this.#startTls(secureContext, alpn)
    tls.on('secure', () => this.#onSecure(tls, agreed))
  }

  #startTls(secureContext: SecureContext, alpn: Buffer): TLSSocket {
    const { sweeper, limits } = this.#environment
    this.#phase = 'handshake'
    this.deadline = sweeper.now() + limits.handshakeMs
    const tls = new TLSSocket(this.#socket, { isServer: true, secureContext, ALPNProtocols: alpn })
    this.#tls = tls
    tls.on('error', this.#onTlsError)
    tls.on('close', this.#onClose)
    return tls
  }

  #lookUpChallenge(name: Hostname): void {
    this.#environment.challenges.find(name).then(
      (found) => this.#onChallenge(found),
      () => this.#refuse('directory-unavailable'),
    )
  }

  #onChallenge(found: Awaited<ReturnType<Challenges['find']>>): void {
    if (this.#phase !== 'look-up') return
    if (typeof found === 'string') return this.#refuse(found)
    const tls = this.#startTls(this.#environment.challenges.contextOf(found.answer), ACME_TLS_ALPN)
    tls.on('secure', () => this.#onChallengeShown(tls, found))
  }

  /** The certificate was all there is: this protocol carries no data (RFC 8737 section 4). */
  #onChallengeShown(tls: TLSSocket, challenge: OpenChallenge): void {
    const { metrics, sightings } = this.#environment
    if (this.#phase !== 'handshake') return
    metrics.count('challenge')
    const by = addressOf(this.#socket) ?? 'unknown'
    sightings.noteChallenge({ type: 'tls-alpn-01', by, ...challenge })
    this.#linger()
    tls.end()
    tls.resume()
  }

  readonly #onTlsError = (error: NodeJS.ErrnoException): void => {
    if (this.#phase === 'goodbye') return this.#end()
    this.#end(error.code?.startsWith('ERR_SSL') === true ? 'tls-error' : 'client-gone')
  }

  #onSecure(tls: TLSSocket, agreed: Agreed): void {
    const { http1, http2, metrics, sightings, localPort } = this.#environment
    if (this.#phase !== 'handshake') return
    const connection = describeConnection(tls, { socket: this.#socket, agreed, localPort })
    if (!connection?.tls) return this.#end('client-gone')
    metrics.countOk(connection.tls)
    const { fresh } = agreed.context
    if (fresh !== undefined) sightings.noteHandshake(connection.tls, fresh)
    this.#leave()
    tls.removeListener('error', this.#onTlsError)
    tls.removeListener('close', this.#onClose)
    releaseControl(tls)
    this.#handOver(connection.tls.alpn === 'h2' ? http2 : http1, { tls, connection })
  }

  #handOver(
    room: ProtocolServer,
    { tls, connection }: { tls: TLSSocket; connection: Connection },
  ): void {
    try {
      room.accept(tls, connection)
    } catch (error) {
      this.#environment.logger.error({ err: error }, 'cannot take a connection over')
      tls.destroy()
    }
  }

  #refuse(result: keyof typeof REFUSALS, alert: AlertName = REFUSALS[result]): void {
    if (!this.#startGoodbye(result)) return
    sendAlert(this.#socket, alert)
  }

  #refusePlainHttp(): void {
    if (!this.#startGoodbye('plain-http')) return
    const answer = renderPlainHttpAnswer(this.#reader.bytes(), this.#environment.localPort)
    sayGoodbye(this.#socket, answer)
  }

  #startGoodbye(result: Exclude<HandshakeResult, 'ok'>): boolean {
    if (this.#phase !== 'hello' && this.#phase !== 'look-up') return false
    this.#environment.metrics.count(result)
    this.#linger()
    this.#socket.removeListener('data', this.#onData)
    return true
  }

  #linger(): void {
    const { sweeper, limits } = this.#environment
    this.#phase = 'goodbye'
    this.deadline = sweeper.now() + limits.lingerMs
  }

  #end(result?: Exclude<HandshakeResult, 'ok'>): void {
    if (this.#phase === 'ended') return
    if (result !== undefined) this.#environment.metrics.count(result)
    this.#leave()
    this.#tls?.destroy()
    this.#socket.destroy()
  }

  #leave(): void {
    this.#phase = 'ended'
    this.#socket.removeListener('close', this.#onClose)
    this.#environment.sweeper.delete(this)
    this.#environment.onEnd(this)
  }
}

/** The protocol room, or the TLS socket, hears of errors; the socket below must only not throw. */
function ignoreError(): void {}

function alertFor(reason: MalformedReason): AlertName {
  return reason === 'sslv2' ? 'protocol_version' : 'decode_error'
}
