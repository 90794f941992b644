import { ProxyError, type ProxyErrorKind } from '../error.ts'

/** How far a new connection had come. */
export type DialStage = 'connecting' | 'securing'

const VERIFICATION =
  /^(CERT_|CRL_|UNABLE_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_|ERROR_IN_CERT)/

/** Why an origin could not be reached, told from what the platform reports. */
export function dialError(cause: NodeJS.ErrnoException, stage: DialStage): ProxyError {
  const kind = dialErrorKind(cause, stage)
  return new ProxyError(kind, `Cannot connect to origin: ${cause.code ?? cause.message}`, { cause })
}

function dialErrorKind(cause: NodeJS.ErrnoException, stage: DialStage): ProxyErrorKind {
  const code = cause.code ?? ''
  if (VERIFICATION.test(code)) return 'upstream_certificate'
  if (stage === 'securing') return 'upstream_tls'
  if (cause.syscall === 'getaddrinfo' || code === 'ENOTFOUND') return 'upstream_dns'
  if (code === 'ETIMEDOUT') return 'upstream_connect_timeout'
  return code === 'ECONNREFUSED' ? 'upstream_refused' : 'upstream_unreachable'
}
