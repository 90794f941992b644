import { createSecureContext, type SecureContext } from 'node:tls'

import { LRUCache } from 'lru-cache'

import { DirectoryError, type EdgeDirectory } from '#directory/directory.ts'
import { TLS_ALPN_PATH, type WellKnownAnswer } from '#domain/binding.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import { renderPem } from '#lib/pem.ts'
import type { Random } from '#lib/random.ts'
import { SingleFlight } from '#lib/single-flight.ts'

import type { BindingCache } from '../bindings.ts'
import { makeChallengeCertificate } from './challenge-certificate.ts'
import type { ClientHello } from './client-hello.ts'
import { closeContext } from './context.ts'

export interface ChallengesOptions {
  directory: Pick<EdgeDirectory, 'findAnswer'>
  bindings: Pick<BindingCache, 'findHot'>
  clock: Pick<Clock, 'now'>
  random: Random
  limits?: Partial<ChallengeLimits>
}

export interface ChallengeLimits {
  /** Look-ups of answers under way, one a name; more are refused at once. @default 64 */
  lookups: number
  /** Certificates kept, one a name, each of about 30 KiB. @default 256 */
  certificates: number
  /** How long a certificate is shown again before another is made. @default 60_000 */
  certificateMs: number
}

/** A challenge that this edge is to answer. */
export interface OpenChallenge {
  answer: WellKnownAnswer
  hostnameId: string
}

interface Shown {
  secureContext: SecureContext
  body: string
  until: number
}

/** The protocol's name (RFC 8737 section 6.2). */
const ACME_TLS = 'acme-tls/1'
export const ACME_TLS_ALPN = Buffer.from(`\x0a${ACME_TLS}`)

/** Whether a CA asks for a challenge's answer: it offers this protocol and no other (RFC 8737 section 3). */
export function isChallengeHello({ alpn }: ClientHello): boolean {
  return alpn.length === 1 && alpn[0] === ACME_TLS
}

/**
 * Answers to tls-alpn-01 challenges (RFC 8737), from the directory. Anybody may ask for them, so:
 * names that do not exist are known from the bindings' cache; of one name one look-up is under way at
 * a time, and of all names a bounded number; that there is none is not remembered, because the CA may
 * come the moment one is put; certificates are made one after the other, each costs about as much as
 * the handshake that shows it, and the latest are kept for a while.
 */
export class Challenges {
  readonly #options: ChallengesOptions
  readonly #limits: ChallengeLimits
  readonly #lookups = new SingleFlight<Hostname, WellKnownAnswer | undefined>()
  readonly #shown: LRUCache<Hostname, Shown>

  constructor(options: ChallengesOptions) {
    const { limits = {} } = options
    this.#options = options
    this.#limits = {
      lookups: limits.lookups ?? 64,
      certificates: limits.certificates ?? 256,
      certificateMs: limits.certificateMs ?? 60_000,
    }
    this.#shown = new LRUCache({
      max: this.#limits.certificates,
      dispose: ({ secureContext }) => closeContext(secureContext),
    })
  }

  /**
   * Whatever else is missing before the name is served, but never by way of its parent's wildcard.
   *
   * @throws {DirectoryError} (as a rejection) where it cannot be known
   */
  async find(name: Hostname): Promise<OpenChallenge | 'unknown-name' | 'no-challenge'> {
    const hot = await this.#options.bindings.findHot(name)
    if (!hot) return 'unknown-name'
    const { hostname, hostnameId } = hot.binding
    const answer = hostname === name ? await this.#lookUp(name) : undefined
    return answer ? { answer, hostnameId } : 'no-challenge'
  }

  /** To be used at once: it is closed when others take its place. */
  contextOf(answer: WellKnownAnswer): SecureContext {
    const now = this.#options.clock.now()
    const { hostname, body } = answer
    const known = this.#shown.get(hostname)
    if (known?.body === body && now < known.until) return known.secureContext
    const secureContext = this.#createContext(answer, now)
    this.#shown.set(hostname, { secureContext, body, until: now + this.#limits.certificateMs })
    return secureContext
  }

  #lookUp(name: Hostname): Promise<WellKnownAnswer | undefined> {
    const { directory, clock } = this.#options
    return this.#lookups.run(name, async () => {
      if (this.#lookups.size >= this.#limits.lookups) {
        const message = 'Cannot look a challenge up: too many look-ups under way'
        throw new DirectoryError('unavailable', message)
      }
      return directory.findAnswer(name, TLS_ALPN_PATH, clock.now())
    })
  }

  /** TLS 1.2 or newer (RFC 8737 section 4). */
  #createContext(answer: WellKnownAnswer, now: number): SecureContext {
    const { random } = this.#options
    const { certificate, privateKey } = makeChallengeCertificate(answer, { now, random })
    return createSecureContext({
      ca: [],
      cert: renderPem(certificate),
      key: privateKey,
      minVersion: 'TLSv1.2',
    })
  }
}
