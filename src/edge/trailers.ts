import type { RawHeaders } from './exchange.ts'

/** Fields that change framing, routing or identity when a recipient merges them (RFC 9110 section 6.5.1). */
const FORBIDDEN = new Set([
  'authorization',
  'cdn-loop',
  'cf-connecting-ip',
  'cf-visitor',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'x-custos-error',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
])

/** The trailers that may be passed on. */
export function endToEndTrailers(trailers: RawHeaders): RawHeaders {
  if (trailers.length === 0) return trailers
  const kept: RawHeaders = []
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] ?? ''
    if (!FORBIDDEN.has(name.toLowerCase())) kept.push(name, trailers[i + 1] ?? '')
  }
  return kept
}
