import { constants, createHash } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls'

import type { Binding, BindingChain } from '#domain/binding.ts'
import type { KeyAlgorithm } from '#domain/certificate.ts'
import type { TlsVersion } from '#domain/tls-settings.ts'
import type { Clock } from '#lib/clock.ts'
import { readNotBefore } from '#lib/der.ts'
import type { Logger } from '#lib/log.ts'
import { renderPem } from '#lib/pem.ts'
import type { Sealer } from '#lib/sealing.ts'

import type { FreshChain } from '../sightings.ts'
import type { TicketKeys } from './ticket-keys.ts'

/** A binding ready for handshakes: both chains in one context, OpenSSL chooses by the client's offer. */
export interface TlsContext {
  readonly secureContext: SecureContext
  /** ALPN names as they go over the wire (RFC 7301), the preferred first. */
  readonly alpn: Buffer
  readonly keyAlgorithms: readonly KeyAlgorithm[]
  /** Of the ticket keys it was built with. */
  readonly generation: number
  /** When one of its chains expires and it must be built again. */
  readonly rebuildAt: number
  /** Chains issued lately; undefined, the usual case, where there is none. */
  readonly fresh: readonly FreshChain[] | undefined
}

export interface TlsContextsOptions {
  sealer: Pick<Sealer, 'open'>
  ticketKeys: Pick<TicketKeys, 'derive' | 'generation'>
  clock: Clock
  logger: Logger
}

export interface TlsContexts {
  /**
   * About 0.3 ms. Private keys are opened here and live on only inside OpenSSL.
   *
   * @returns undefined where no chain can be used: there is none, or none can be opened or read (logged)
   */
  build(binding: Binding): TlsContext | undefined
  /** Whether a context may be used for a further handshake. */
  isCurrent(context: TlsContext): boolean
  /**
   * Gives its memory back now: the garbage collector sees a few bytes where there are 40 KiB, and
   * would let many pile up. No handshake may begin with it afterwards; those that have begun go on.
   */
  dispose(context: TlsContext): void
}

/** What a dual-chain context takes, in bytes (measured: 25 to 50 KiB). */
export const CONTEXT_BYTES = 48 * 1024

/** Post-quantum hybrid first, the rest as Mozilla's "intermediate" profile has it. */
const GROUPS = 'X25519MLKEM768:X25519:P-256:P-384'

const TLS_1_3_SUITES = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
]
const TLS_1_2_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
]
/** Only for hostnames whose owner asked for TLS 1.0 or 1.1, which know no AEAD. */
const LEGACY_CIPHERS = [
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-SHA',
  'AES256-SHA',
]
/** OpenSSL refuses the SHA-1 signatures of TLS 1.0 and 1.1 above level 0. */
const LEGACY_LEVEL = '@SECLEVEL=0'

/** Our order counts, except that a client which prefers ChaCha20 (no AES hardware) gets it. */
const SECURE_OPTIONS =
  constants.SSL_OP_CIPHER_SERVER_PREFERENCE |
  constants.SSL_OP_PRIORITIZE_CHACHA |
  constants.SSL_OP_NO_RENEGOTIATION

const VERSIONS = {
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
} as const satisfies Record<TlsVersion, SecureVersion>

const ALPN_BOTH = Buffer.from('\x02h2\x08http/1.1')
const ALPN_HTTP1 = Buffer.from('\x08http/1.1')

export function createTlsContexts(options: TlsContextsOptions): TlsContexts {
  const { sealer, ticketKeys, clock, logger } = options
  const open = (binding: Binding, chain: BindingChain): PemChain | undefined => {
    try {
      return openChain(chain, sealer)
    } catch (error) {
      const { certificateId, keyAlgorithm } = chain
      const fields = { hostname: binding.hostname, certificateId, keyAlgorithm, err: error }
      logger.error(fields, 'cannot open the key of a certificate')
      return undefined
    }
  }
  return {
    build(binding) {
      const chosen = chooseChains(binding.chains, clock.now())
      const chains = chosen
        .map((chain) => open(binding, chain))
        .filter((chain) => chain !== undefined)
      if (chains.length === 0) return undefined
      try {
        return {
          secureContext: createContext(binding, { chains, ticketKey: ticketKeys.derive(binding) }),
          alpn: binding.tls.http2 ? ALPN_BOTH : ALPN_HTTP1,
          keyAlgorithms: chains.map((chain) => chain.keyAlgorithm),
          generation: ticketKeys.generation,
          rebuildAt: rebuildAt(chosen, clock.now()),
          fresh: freshOf(chosen, clock.now()),
        }
      } catch (error) {
        logger.error({ hostname: binding.hostname, err: error }, 'cannot build a TLS context')
        return undefined
      }
    },

    isCurrent: (context) =>
      context.generation === ticketKeys.generation && clock.now() < context.rebuildAt,

    dispose: (context) => closeContext(context.secureContext),
  }
}

/** Expired chains only where there is no other: a warning in a browser says more than a dead name. */
function chooseChains(chains: readonly BindingChain[], now: number): readonly BindingChain[] {
  const valid = chains.filter((chain) => now < chain.notAfter)
  return valid.length > 0 ? valid : chains
}

function rebuildAt(chains: readonly BindingChain[], now: number): number {
  const ends = chains.map((chain) => chain.notAfter).filter((end) => now < end)
  return ends.length > 0 ? Math.min(...ends) : Number.POSITIVE_INFINITY
}

/**
 * A start of a worker is the first handshake of every chain: only those issued within the last day
 * are worth telling. A chain says no more than when it became valid, which CAs date back by an hour.
 */
const FRESH_MS = 24 * 3_600_000

function freshOf(chains: readonly BindingChain[], now: number): FreshChain[] | undefined {
  const fresh = chains.flatMap(({ certificateId, keyAlgorithm, leaf }) => {
    const until = (readNotBefore(leaf) ?? -Infinity) + FRESH_MS
    return now < until ? [{ certificateId, keyAlgorithm, until }] : []
  })
  return fresh.length > 0 ? fresh : undefined
}

interface PemChain {
  keyAlgorithm: KeyAlgorithm
  cert: string
  key: string
}

function openChain(chain: BindingChain, sealer: Pick<Sealer, 'open'>): PemChain {
  const key = sealer.open(chain.sealedKey, chain.certificateId)
  return {
    keyAlgorithm: chain.keyAlgorithm,
    cert: [chain.leaf, ...chain.intermediates].map((der) => renderPem(der)).join(''),
    key: renderPem(key, 'PRIVATE KEY'),
  }
}

interface ContextParts {
  chains: readonly PemChain[]
  ticketKey: Buffer
}

function createContext(binding: Binding, { chains, ticketKey }: ContextParts): SecureContext {
  const { minVersion, tls13 } = binding.tls
  return createSecureContext({
    // Truthy and empty: the store of public roots, which a server that asks for no client
    // certificate never reads, is not attached.
    ca: [],
    cert: chains.map(({ cert }) => cert),
    key: chains.map(({ key }) => key),
    minVersion: VERSIONS[minVersion],
    maxVersion: tls13 ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: cipherList(binding),
    ecdhCurve: GROUPS,
    secureOptions: SECURE_OPTIONS,
    sessionIdContext: sessionIdContext(binding),
    ticketKeys: ticketKey,
  })
}

/**
 * What Node itself does with contexts made for a single connection. A TLS socket holds OpenSSL's
 * context by a reference of its own, so it may be closed at any moment after the socket was made.
 */
export function closeContext(secureContext: SecureContext): void {
  const holder = secureContext as unknown as { context: { close?(): void } | null }
  holder.context?.close?.()
  holder.context = null
}

function cipherList(binding: Binding): string {
  const { minVersion, ciphers } = binding.tls
  const legacy = minVersion === '1.0' || minVersion === '1.1'
  const own = legacy ? [...TLS_1_2_CIPHERS, ...LEGACY_CIPHERS] : TLS_1_2_CIPHERS
  // Names only: operators of OpenSSL's cipher language must not get in by way of a setting.
  const asked = ciphers.filter((name) => /^[A-Z0-9-]+$/.test(name))
  const list = [...TLS_1_3_SUITES, ...(asked.length > 0 ? asked : own)]
  return [...list, ...(legacy ? [LEGACY_LEVEL] : [])].join(':')
}

/** At most 32 bytes (OpenSSL). */
function sessionIdContext({ hostname, hostnameId }: Binding): string {
  return createHash('sha256').update(`${hostnameId}\0${hostname}`).digest('hex').slice(0, 32)
}
