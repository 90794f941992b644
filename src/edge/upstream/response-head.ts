import { ProxyError } from '../error.ts'
import { UNKNOWN_LENGTH, type RawHeaders } from '../exchange.ts'
import { endOfLine, FORBIDDEN, readFieldLines } from '../message-syntax.ts'

/** An origin's response head, read strictly; hop-by-hop fields are taken out (RFC 9110 section 7.6.1). */
export interface UpstreamHead {
  status: number
  reason: string
  /** End-to-end fields, without Content-Length. */
  headers: RawHeaders
  /** As Content-Length says, also for HEAD and 304; `UNKNOWN_LENGTH` where nothing was said. */
  bodyLength: number
  chunked: boolean
  /** The connection may carry another request after this response. */
  keepAlive: boolean
  /** Milliseconds that the origin keeps an idle connection, if it said so. */
  keepAliveHintMs: number | undefined
  /** Trailers were announced (Trailer field). */
  announcesTrailers: boolean
  /** Protocol granted by a 101. */
  upgrade: string | undefined
}

const LENGTH = /^\d{1,15}$/
const COMMON_TOKENS = new Set(['close', 'keep-alive', 'upgrade', ''])

/**
 * @param text the head, latin1, without the empty line that ends it
 * @throws {ProxyError} upstream_bad_response
 */
export function parseResponseHead(text: string): UpstreamHead {
  if (FORBIDDEN.test(text)) throw badResponse('control character in the response head')
  const lineEnd = endOfLine(text, 0)
  const head = parseStatusLine(text.slice(0, lineEnd))
  // A folded line fails too: RFC 9112 section 5.2 wants a 502.
  if (!readFieldLines(text, lineEnd + 2, head.headers)) throw badResponse('malformed header field')
  applyFraming(head, takeFramingFields(head.headers))
  return head
}

/**
 * Trailer fields; those that would change framing or routing are dropped (RFC 9110 section 6.5.1).
 *
 * @throws {ProxyError} upstream_bad_response
 */
export function parseTrailers(text: string): RawHeaders {
  if (FORBIDDEN.test(text)) throw badResponse('control character in the trailers')
  const trailers: RawHeaders = []
  if (!readFieldLines(text, 0, trailers)) throw badResponse('malformed trailers')
  takeFramingFields(trailers)
  return trailers
}

/** What the fields said about the connection and the length of the message. */
class FramingFields {
  connection: string | undefined
  keepAlive: string | undefined
  contentLength: string | undefined
  transferEncoding: string | undefined
  upgrade: string | undefined
  trailer = false
}

function parseStatusLine(line: string): UpstreamHead {
  const minor = line.charCodeAt(7) - 0x30
  const status = Number(line.slice(9, 12))
  const isValid =
    line.startsWith('HTTP/1.') &&
    (minor === 0 || minor === 1) &&
    line[8] === ' ' &&
    (line.length === 12 || line[12] === ' ') &&
    status >= 100 &&
    status <= 599 &&
    Number.isInteger(status)
  if (!isValid) throw badResponse('not an HTTP/1.1 status line')
  return {
    status,
    reason: line.slice(13),
    headers: [],
    bodyLength: UNKNOWN_LENGTH,
    chunked: false,
    keepAlive: minor === 1,
    keepAliveHintMs: undefined,
    announcesTrailers: false,
    upgrade: undefined,
  }
}

/** Takes the fields that end here out of `headers`. */
function takeFramingFields(headers: RawHeaders): FramingFields {
  const fields = new FramingFields()
  let kept = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    if (takeFraming(name, value, fields)) continue
    headers[kept++] = name
    headers[kept++] = value
  }
  headers.length = kept
  return fields
}

/** @returns whether the field belongs to the connection or the framing, and so ends here */
function takeFraming(name: string, value: string, fields: FramingFields): boolean {
  switch (name.length) {
    case 7:
      return takeSeven(name.toLowerCase(), value, fields)
    case 10:
      return takeTen(name.toLowerCase(), value, fields)
    case 14:
      if (name.toLowerCase() !== 'content-length') return false
      if (fields.contentLength !== undefined && fields.contentLength !== value) {
        throw badResponse('two Content-Length fields that differ')
      }
      fields.contentLength = value
      return true
    case 16:
      return name.toLowerCase() === 'proxy-connection'
    case 17:
      if (name.toLowerCase() !== 'transfer-encoding') return false
      if (fields.transferEncoding !== undefined) throw badResponse('two Transfer-Encoding fields')
      fields.transferEncoding = value
      return true
    case 18:
      return name.toLowerCase() === 'proxy-authenticate'
    default:
      return false
  }
}

function takeSeven(lower: string, value: string, fields: FramingFields): boolean {
  if (lower === 'upgrade') {
    fields.upgrade = value
    return true
  }
  // The protocol rooms announce trailers themselves where they can carry them.
  if (lower === 'trailer') fields.trailer = true
  return lower === 'trailer'
}

function takeTen(lower: string, value: string, fields: FramingFields): boolean {
  if (lower === 'keep-alive') {
    fields.keepAlive = value
    return true
  }
  if (lower !== 'connection') return false
  fields.connection = fields.connection === undefined ? value : `${fields.connection},${value}`
  return true
}

/** The length of the message: RFC 9112 section 6.3, without its tolerances. */
function applyFraming(head: UpstreamHead, fields: FramingFields): void {
  const { contentLength, transferEncoding } = fields
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) throw badResponse('Content-Length with Transfer-Encoding')
    if (transferEncoding.toLowerCase() !== 'chunked') throw badResponse('unknown transfer coding')
    if (!head.keepAlive) throw badResponse('Transfer-Encoding in HTTP/1.0')
    head.chunked = true
  } else if (contentLength !== undefined) {
    if (!LENGTH.test(contentLength)) throw badResponse('invalid Content-Length')
    head.bodyLength = Number(contentLength)
  }
  head.announcesTrailers = fields.trailer && head.chunked
  head.upgrade = fields.upgrade
  if (fields.keepAlive !== undefined) head.keepAliveHintMs = keepAliveHint(fields.keepAlive)
  if (fields.connection !== undefined) applyConnection(head, fields.connection)
}

function applyConnection(head: UpstreamHead, connection: string): void {
  const tokens = connection
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
  if (tokens.includes('close')) head.keepAlive = false
  else if (tokens.includes('keep-alive')) head.keepAlive = true
  const named = tokens.filter((token) => !COMMON_TOKENS.has(token))
  if (named.length > 0) head.headers = withoutNamed(head.headers, named)
}

function withoutNamed(headers: RawHeaders, names: readonly string[]): RawHeaders {
  const kept: RawHeaders = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!names.includes(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '')
  }
  return kept
}

function keepAliveHint(value: string): number | undefined {
  const seconds = /(?:^|[\s,;])timeout=(\d{1,6})/i.exec(value)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

export function badResponse(detail: string): ProxyError {
  return new ProxyError('upstream_bad_response', `Cannot read origin's response: ${detail}`)
}
