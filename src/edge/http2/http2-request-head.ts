import { parseAuthority } from '../authority.ts'
import { ProxyError, type ProxyErrorKind } from '../error.ts'
import { UNKNOWN_LENGTH, type RawHeaders } from '../exchange.ts'
import { checkHost, emptyHead, TARGET, type HeadRules, type RequestHead } from '../request-head.ts'

export interface Http2RequestHead extends RequestHead {
  method: string
}

/** The head was all (END_STREAM). */
export interface Http2HeadRules extends HeadRules {
  endsStream: boolean
}

/** Pseudo-headers and what else does not go on (RFC 9113 section 8.3.1). */
class Http2Fields {
  method = ''
  scheme: string | undefined
  authority: string | undefined
  path: string | undefined
  protocol: string | undefined
  host: string | undefined
  contentLength: string | undefined
  expect: string | undefined
  te: string | undefined
  cookies: string | undefined
}

/**
 * Reads a request head that nghttp2 accepted (which refuses connection-specific fields, upper case
 * and controls), with the rules left to us; a broken one is named in `problem`.
 */
export function readHttp2RequestHead(raw: RawHeaders, rules: Http2HeadRules): Http2RequestHead {
  const fields = new Http2Fields()
  const headers: RawHeaders = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const value = raw[i + 1] ?? ''
    if (!takeField(name, value, fields)) headers.push(name, value)
  }
  // Cookies may come in crumbs, which HTTP/1.1 does not know (RFC 9113 section 8.2.3).
  if (fields.cookies !== undefined) headers.push('cookie', fields.cookies)
  const head = { ...emptyHead(fields.path ?? ''), method: fields.method, headers }
  const kind = applyFields(head, fields, rules)
  if (kind !== undefined) head.problem = new ProxyError(kind, 'Cannot serve request head')
  return head
}

function takeField(name: string, value: string, fields: Http2Fields): boolean {
  switch (name) {
    case ':method':
      fields.method = value
      return true
    case ':scheme':
      fields.scheme = value
      return true
    case ':authority':
      fields.authority = value
      return true
    case ':path':
      fields.path = value
      return true
    case ':protocol':
      fields.protocol = value
      return true
    case 'host':
      fields.host = value
      return true
    case 'content-length':
      fields.contentLength = value
      return true
    case 'expect':
      fields.expect = value
      return true
    case 'te':
      fields.te = value
      return true
    case 'cookie':
      fields.cookies = fields.cookies === undefined ? value : `${fields.cookies}; ${value}`
      return true
    case 'trailer':
    case 'proxy-authorization':
    case 'sec-websocket-key':
      return true
    default:
      return false
  }
}

/** @returns the first rule that is broken */
function applyFields(
  head: Http2RequestHead,
  fields: Http2Fields,
  rules: Http2HeadRules,
): ProxyErrorKind | undefined {
  if (head.headers.length > rules.maxRequestHeaders * 2) return 'headers_too_large'
  const isWebSocket = fields.method === 'CONNECT' && fields.protocol === 'websocket'
  if (fields.method === 'TRACE' || (fields.method === 'CONNECT' && !isWebSocket)) {
    return 'method_refused'
  }
  const target = applyTarget(head, fields, rules)
  if (target !== undefined) return target
  if (isWebSocket) {
    head.method = 'GET'
    head.wantsWebSocket = true
  } else applyBody(head, fields, rules)
  head.acceptsTrailers = fields.te === 'trailers'
  if (fields.expect === undefined) return undefined
  head.expectsContinue = fields.expect.toLowerCase() === '100-continue'
  return head.expectsContinue ? undefined : 'expectation_failed'
}

function applyTarget(
  head: Http2RequestHead,
  fields: Http2Fields,
  rules: Http2HeadRules,
): ProxyErrorKind | undefined {
  const { connection } = rules
  const text = fields.authority ?? fields.host
  if (text === undefined) return 'bad_host'
  if (fields.host !== undefined && fields.host.toLowerCase() !== text.toLowerCase()) {
    return 'bad_host'
  }
  const authority = parseAuthority(text)
  if (authority === undefined) return 'bad_host'
  head.authority = text
  head.hostname = authority.hostname
  const isAsterisk = head.path === '*' && fields.method === 'OPTIONS'
  if (!isAsterisk && !(head.path.startsWith('/') && TARGET.test(head.path))) return 'bad_request'
  if (fields.scheme !== connection.scheme) return 'misdirected'
  return checkHost(authority.hostname, connection)
}

/** nghttp2 holds the body against Content-Length. */
function applyBody(head: Http2RequestHead, fields: Http2Fields, rules: Http2HeadRules): void {
  if (rules.endsStream) head.bodyLength = 0
  else if (fields.contentLength === undefined) head.bodyLength = UNKNOWN_LENGTH
  else head.bodyLength = Number(fields.contentLength)
}
