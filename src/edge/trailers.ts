import type { RawHeaders } from './exchange.ts'

/** Fields that change framing, routing or identity when a recipient merges them (RFC 9110 section 6.5.1). */
const FORBIDDEN = new Set([
  'authorization',
  'cdn-loop',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'true-client-ip',
  'upgrade',
  'via',
  'x-real-ip',
  'x-request-id',
])
/** What we say of the way, and of ourselves. */
const FORBIDDEN_PREFIXES = /^(?:cf|x-custos|x-forwarded)-/

/** The trailers that may be passed on. */
export function endToEndTrailers(trailers: RawHeaders): RawHeaders {
  if (trailers.length === 0) return trailers
  const kept: RawHeaders = []
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] ?? ''
    if (!isForbidden(name)) kept.push(name, trailers[i + 1] ?? '')
  }
  return kept
}

/** A name with `_` is for many origins the same as with `-`. */
function isForbidden(name: string): boolean {
  const plain = name.toLowerCase().replaceAll('_', '-')
  return FORBIDDEN.has(plain) || FORBIDDEN_PREFIXES.test(plain)
}
