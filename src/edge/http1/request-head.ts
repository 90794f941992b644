import { parseAuthority } from '../authority.ts'
import { ProxyError, type ProxyErrorKind } from '../error.ts'
import { UNKNOWN_LENGTH, type RawHeaders } from '../exchange.ts'
import { checkHost, emptyHead, TARGET, type HeadRules, type RequestHead } from '../request-head.ts'

export interface RawRequestHead {
  method: string
  target: string
  /** As the request line says it: `1.1`. */
  version: string
  headers: RawHeaders
}

const ABSOLUTE = /^(https?):\/\/([^/?#]+)(\/[^#]*|\?[^#]*)?$/i
const LENGTH = /^\d{1,15}$/
const COMMON_TOKENS = new Set(['close', 'keep-alive', 'upgrade', 'te', 'http2-settings', ''])
/** CONNECT would make us a forward proxy; TRACE shows a client's headers to scripts. */
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE'])

/**
 * Reads a request head that the parser accepted, with the rules that a parser leaves to its caller.
 * A head that breaks one still gives a `RequestHead`, with the reason in `problem`.
 */
export function readRequestHead(raw: RawRequestHead, rules: HeadRules): RequestHead {
  const head = emptyHead(raw.target)
  const fields = new ConnectionFields()
  const { headers } = raw
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    if (!takeField(name, value, fields)) head.headers.push(name, value)
  }
  const kind = applyFields(head, raw, { fields, rules })
  if (kind !== undefined) head.problem = new ProxyError(kind, 'Cannot serve request head')
  return head
}

/** Whether an upgrade may be granted: RFC 6455 section 4.1, and no body to tell apart. */
export function isWebSocketHandshake(method: string, headers: RawHeaders): boolean {
  if (method !== 'GET') return false
  let upgrade = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase()
    if (name === 'upgrade') upgrade = /^websocket$/i.test(headers[i + 1] ?? '')
    else if (name === 'content-length' || name === 'transfer-encoding') return false
  }
  return upgrade
}

/** The fields that end at this connection, or that say how long the message is. */
class ConnectionFields {
  host: string | undefined
  hosts = 0
  connection: string | undefined
  contentLength: string | undefined
  contentLengths = 0
  transferEncoding: string | undefined
  transferEncodings = 0
  expect: string | undefined
  te: string | undefined
  upgrade: string | undefined
}

/** @returns whether the field ends here */
function takeField(name: string, value: string, fields: ConnectionFields): boolean {
  switch (name.length) {
    case 2:
      return takeTe(name, value, fields)
    case 4:
      if (name.toLowerCase() !== 'host') return false
      fields.hosts++
      fields.host = value
      return true
    case 6:
      if (name.toLowerCase() !== 'expect') return false
      fields.expect = value
      return true
    case 7:
      return takeSeven(name.toLowerCase(), value, fields)
    case 10:
      return takeTen(name.toLowerCase(), value, fields)
    case 14:
      return takeFourteen(name.toLowerCase(), value, fields)
    case 16:
      return name.toLowerCase() === 'proxy-connection'
    case 17:
      if (name.toLowerCase() !== 'transfer-encoding') return false
      fields.transferEncodings++
      fields.transferEncoding = value
      return true
    case 19:
      return name.toLowerCase() === 'proxy-authorization'
    default:
      return false
  }
}

function takeTe(name: string, value: string, fields: ConnectionFields): boolean {
  if (name.toLowerCase() !== 'te') return false
  fields.te = fields.te === undefined ? value : `${fields.te},${value}`
  return true
}

function takeSeven(lower: string, value: string, fields: ConnectionFields): boolean {
  if (lower === 'upgrade') {
    fields.upgrade = value
    return true
  }
  return lower === 'trailer'
}

function takeTen(lower: string, value: string, fields: ConnectionFields): boolean {
  if (lower === 'connection') {
    fields.connection = fields.connection === undefined ? value : `${fields.connection},${value}`
    return true
  }
  return lower === 'keep-alive'
}

function takeFourteen(lower: string, value: string, fields: ConnectionFields): boolean {
  if (lower === 'content-length') {
    fields.contentLengths++
    fields.contentLength = value
    return true
  }
  return lower === 'http2-settings'
}

interface Judged {
  fields: ConnectionFields
  rules: HeadRules
}

/** Fills the head in. @returns the first rule that is broken */
function applyFields(
  head: RequestHead,
  raw: RawRequestHead,
  { fields, rules }: Judged,
): ProxyErrorKind | undefined {
  if (raw.headers.length > rules.maxRequestHeaders * 2) return 'headers_too_large'
  if (raw.version !== '1.1' && raw.version !== '1.0') return 'bad_request'
  if (REFUSED_METHODS.has(raw.method)) return 'method_refused'
  const framing = applyFraming(head, raw, fields)
  if (framing !== undefined) return framing
  const target = applyTarget(head, raw, { fields, rules })
  if (target !== undefined) return target
  if (fields.connection !== undefined) dropNamed(head, fields.connection)
  head.acceptsTrailers = fields.te !== undefined && /(^|[\s,])trailers($|[\s,;])/i.test(fields.te)
  head.wantsWebSocket =
    fields.upgrade !== undefined && isWebSocketHandshake(raw.method, raw.headers)
  if (fields.expect === undefined || raw.version === '1.0') return undefined
  head.expectsContinue = fields.expect.toLowerCase() === '100-continue'
  return head.expectsContinue ? undefined : 'expectation_failed'
}

/** RFC 9112 section 6.3, without its tolerances: what could be read in two ways is refused. */
function applyFraming(
  head: RequestHead,
  raw: RawRequestHead,
  fields: ConnectionFields,
): ProxyErrorKind | undefined {
  if (fields.contentLengths > 1 || fields.transferEncodings > 1) return 'bad_framing'
  if (fields.transferEncoding !== undefined) {
    const isChunked = fields.transferEncoding.toLowerCase() === 'chunked'
    if (!isChunked || fields.contentLength !== undefined || raw.version === '1.0')
      return 'bad_framing'
    head.bodyLength = UNKNOWN_LENGTH
  } else if (fields.contentLength !== undefined) {
    if (!LENGTH.test(fields.contentLength)) return 'bad_framing'
    head.bodyLength = Number(fields.contentLength)
  }
  return undefined
}

function applyTarget(
  head: RequestHead,
  raw: RawRequestHead,
  { fields, rules }: Judged,
): ProxyErrorKind | undefined {
  if (fields.hosts !== 1 || fields.host === undefined) return 'bad_host'
  const authority = parseAuthority(fields.host)
  if (authority === undefined) return 'bad_host'
  head.authority = fields.host
  head.hostname = authority.hostname
  if (!TARGET.test(raw.target)) return 'bad_request'
  const problem = applyPath(head, raw, rules.connection.scheme)
  if (problem !== undefined) return problem
  return checkHost(authority.hostname, rules.connection)
}

/** RFC 9112 section 3.2: origin-form, absolute-form for this very host, or * for OPTIONS. */
function applyPath(
  head: RequestHead,
  raw: RawRequestHead,
  scheme: string,
): ProxyErrorKind | undefined {
  if (raw.target.startsWith('/')) return undefined
  if (raw.target === '*') return raw.method === 'OPTIONS' ? undefined : 'bad_request'
  const match = ABSOLUTE.exec(raw.target)
  if (!match) return 'bad_request'
  if (match[2]?.toLowerCase() !== head.authority.toLowerCase()) return 'bad_host'
  if (match[1]?.toLowerCase() !== scheme) return 'misdirected'
  const rest = match[3] ?? '/'
  head.path = rest.startsWith('?') ? `/${rest}` : rest
  return undefined
}

/** Fields that Connection names belong to the connection (RFC 9110 section 7.6.1). */
function dropNamed(head: RequestHead, connection: string): void {
  if (connection === 'keep-alive' || connection === 'close') return
  const named = connection
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
    .filter((token) => !COMMON_TOKENS.has(token))
  if (named.length === 0) return
  const kept: RawHeaders = []
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i] ?? ''
    if (!named.includes(name.toLowerCase())) kept.push(name, head.headers[i + 1] ?? '')
  }
  head.headers = kept
}
