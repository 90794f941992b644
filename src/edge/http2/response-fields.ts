import type { RawHeaders } from '../exchange.ts'

/**
 * Fields that belong to an HTTP/1.1 connection (RFC 9113 section 8.2.2). node:http2 throws where it is
 * to send one, and an origin may name what it likes.
 */
const CONNECTION_FIELDS = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])
/** Lengths of those names: most others need not be lowered to be told apart. */
const LENGTHS = new Set([...CONNECTION_FIELDS].map((name) => name.length))

/** Takes out, in place, what node:http2 refuses to send. */
export function dropConnectionFields(headers: RawHeaders): RawHeaders {
  let kept = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (isConnectionField(name)) continue
    headers[kept++] = name
    headers[kept++] = headers[i + 1] ?? ''
  }
  headers.length = kept
  return headers
}

/**
 * The same fields as node:http2 takes trailers and informational responses: by name, without those
 * that it refuses. No name means anything to the record: `constructor` and `__proto__` are names too.
 */
export function toFieldRecord(headers: RawHeaders): Record<string, string[]> {
  const fields: Record<string, string[]> = Object.create(null)
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase()
    if (isConnectionField(name)) continue
    const values = (fields[name] ??= [])
    values.push(headers[i + 1] ?? '')
  }
  return fields
}

function isConnectionField(name: string): boolean {
  return LENGTHS.has(name.length) && CONNECTION_FIELDS.has(name.toLowerCase())
}
