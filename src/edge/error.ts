/**
 * What can go wrong with a request, each kind with the side whose doing it is. Kinds are stable: they
 * are metric labels, access log values and `x-custos-error`. What a client is shown for a kind is
 * decided in `proxy/error-response.ts` alone.
 */
export const PROXY_ERROR_SOURCES = {
  // The client's doing.
  bad_request: 'downstream',
  bad_host: 'downstream',
  bad_framing: 'downstream',
  headers_too_large: 'downstream',
  header_timeout: 'downstream',
  body_timeout: 'downstream',
  body_too_large: 'downstream',
  expectation_failed: 'downstream',
  method_refused: 'downstream',
  misdirected: 'downstream',
  unknown_host: 'downstream',
  loop: 'downstream',
  plain_http_on_tls_port: 'downstream',
  client_closed: 'downstream',
  client_stalled: 'downstream',

  // Ours.
  not_ready: 'internal',
  no_origin: 'internal',
  directory_unavailable: 'internal',
  overloaded: 'internal',
  shutting_down: 'internal',
  tunnel_idle: 'internal',
  internal: 'internal',

  // The origin's doing.
  upstream_dns: 'upstream',
  upstream_refused: 'upstream',
  upstream_unreachable: 'upstream',
  upstream_connect_timeout: 'upstream',
  upstream_tls: 'upstream',
  upstream_tls_timeout: 'upstream',
  upstream_certificate: 'upstream',
  upstream_busy: 'upstream',
  upstream_send_timeout: 'upstream',
  upstream_head_timeout: 'upstream',
  upstream_body_timeout: 'upstream',
  upstream_closed: 'upstream',
  upstream_truncated: 'upstream',
  upstream_bad_response: 'upstream',
} as const satisfies Record<string, ErrorSource>

export type ErrorSource = 'downstream' | 'upstream' | 'internal'
export type ProxyErrorKind = keyof typeof PROXY_ERROR_SOURCES

export interface ProxyErrorOptions {
  cause?: unknown
  /**
   * Nothing of the request reached an origin that acted on it, as far as the connection can know.
   * Whether to try again is for the proxy to decide, which knows the method. @default false
   */
  retryable?: boolean
}

export class ProxyError extends Error {
  override readonly name = 'ProxyError'
  readonly kind: ProxyErrorKind
  readonly retryable: boolean

  /** @param message for the log only: it is never shown to a client */
  constructor(kind: ProxyErrorKind, message: string, options: ProxyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.retryable = options.retryable ?? false
  }

  get source(): ErrorSource {
    return PROXY_ERROR_SOURCES[this.kind]
  }
}

/** Anything thrown, as a `ProxyError`; what is not one is a fault of ours. */
export function toProxyError(thrown: unknown): ProxyError {
  if (thrown instanceof ProxyError) return thrown
  return new ProxyError('internal', 'Cannot handle request: unexpected error', { cause: thrown })
}
