import type { KeyAlgorithm } from './certificate.ts'
import type { Hostname } from './hostname.ts'
import type { Origin } from './origin.ts'
import type { EffectiveTlsSettings } from './tls-settings.ts'

/** All that an edge needs to serve one name; self-contained, so a name costs one read. */
export interface Binding {
  hostname: Hostname
  hostnameId: string
  zoneId: string
  /** Grows with every publication of this name. A smaller one never replaces a larger one. */
  serial: number
  /** Serves `*.hostname` too. */
  wildcard: boolean
  /**
   * Sentences for the owner of the name: what is still missing before it is served. Empty when the
   * name is to be served. An edge proxies only when this is empty.
   */
  missing: readonly string[]
  tls: EffectiveTlsSettings
  /** None until the first chain is issued. At most one a key algorithm. */
  chains: readonly BindingChain[]
  origin: BindingOrigin | undefined
  /** Plain HTTP is answered with a 308 to HTTPS; otherwise it is proxied. */
  alwaysUseHttps: boolean
}

export interface BindingChain {
  /** Also the context of the sealed key. */
  certificateId: string
  keyAlgorithm: KeyAlgorithm
  /** DER. */
  leaf: Uint8Array
  /** DER, in order. The codec stores each once for all bindings. */
  intermediates: readonly Uint8Array[]
  /** PKCS #8 DER, sealed. */
  sealedKey: Uint8Array
  notAfter: number
}

export interface BindingOrigin extends Origin {
  /**
   * Server name to send in the TLS handshake with the origin: a name, or undefined for the hostname
   * of the request (what the specification does for a fallback origin).
   */
  serverName: string | undefined
}

/**
 * Under this in place of a path an edge finds the key authorization that a name's tls-alpn-01
 * challenge is answered with (RFC 8737). Paths of HTTP begin with a slash: no request can ask for it.
 * One a name: a certificate proves one key authorization, so the newest that was put counts.
 */
export const TLS_ALPN_PATH = ':acme-tls/1'

/** Something an edge answers by itself: a DCV challenge (http-01, tls-alpn-01) or an ownership token. */
export interface WellKnownAnswer {
  hostname: Hostname
  /** Path, from the slash on, without a query; or `TLS_ALPN_PATH`. */
  path: string
  /** The whole body, ASCII, at most 4 KiB. */
  body: string
  expiresAt: number
}
