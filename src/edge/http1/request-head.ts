import type { AuthorityReader } from '../authority.ts'
import { ProxyError, type ProxyErrorKind } from '../error.ts'
import { UNKNOWN_LENGTH, type RawHeaders } from '../exchange.ts'
import { checkHost, emptyHead, TARGET, type HeadRules, type RequestHead } from '../request-head.ts'

export interface RawRequestHead {
  method: string
  target: string
  version: '1.0' | '1.1'
  headers: RawHeaders
}

const ABSOLUTE = /^(https?):\/\/([^/?#]+)(\/[^#]*|\?[^#]*)?$/i
const LENGTH = /^\d{1,15}$/
const COMMON_TOKENS = new Set(['close', 'keep-alive', 'upgrade', 'te', 'http2-settings', ''])
/** CONNECT would make us a forward proxy; TRACE shows a client's headers to scripts. */
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE'])
/** After these the connection is closed. */
const CLOSING = new Set<ProxyErrorKind>([
  'bad_request',
  'bad_framing',
  'bad_host',
  'headers_too_large',
  'method_refused',
])

/** The head of an HTTP/1.1 request: what it says of the connection too. */
export interface Http1RequestHead extends RequestHead {
  /** Another request may follow on the connection, as far as the client is concerned. */
  keepAlive: boolean
}

export interface Http1HeadRules extends HeadRules {
  authorities: AuthorityReader
}

/**
 * Reads a request head that the parser accepted, with the rules that a parser leaves to its caller.
 * A head that breaks one still gives a `RequestHead`, with the reason in `problem`.
 */
export function readRequestHead(raw: RawRequestHead, rules: Http1HeadRules): Http1RequestHead {
  const head: Http1RequestHead = { ...emptyHead(raw.target), keepAlive: raw.version === '1.1' }
  const fields = new ConnectionFields()
  const { headers } = raw
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    if (!takeField(name, value, fields)) head.headers.push(name, value)
  }
  const kind = applyFields(head, raw, { fields, rules })
  if (kind !== undefined) head.problem = new ProxyError(kind, 'Cannot serve request head')
  if (kind !== undefined && CLOSING.has(kind)) giveUp(head)
  return head
}

/** What follows such a head on the connection cannot be trusted to be a request, nor to be its body. */
function giveUp(head: Http1RequestHead): void {
  head.keepAlive = false
  head.bodyLength = 0
  head.expectsContinue = false
}

/** Whether an upgrade may be granted: RFC 6455 section 4.1, and no body to tell apart. */
function isWebSocketHandshake(raw: RawRequestHead, fields: ConnectionFields): boolean {
  if (fields.upgrade === undefined || raw.method !== 'GET' || raw.version !== '1.1') return false
  if (fields.contentLengths > 0 || fields.transferEncodings > 0) return false
  return /^websocket$/i.test(fields.upgrade) && hasToken(fields.connection, 'upgrade')
}

function hasToken(list: string | undefined, token: string): boolean {
  return list !== undefined && tokensOf(list).includes(token)
}

function tokensOf(list: string): string[] {
  return list
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
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
  rules: Http1HeadRules
}

/** Fills the head in. @returns the first rule that is broken */
function applyFields(
  head: Http1RequestHead,
  raw: RawRequestHead,
  { fields, rules }: Judged,
): ProxyErrorKind | undefined {
  if (raw.headers.length > rules.maxRequestHeaders * 2) return 'headers_too_large'
  if (REFUSED_METHODS.has(raw.method)) return 'method_refused'
  const framing = applyFraming(head, raw, fields)
  if (framing !== undefined) return framing
  if (fields.connection !== undefined) applyConnection(head, fields.connection)
  const expectation = raw.version === '1.1' ? fields.expect?.toLowerCase() : undefined
  head.expectsContinue = expectation === '100-continue'
  head.acceptsTrailers = fields.te !== undefined && /(^|[\s,])trailers($|[\s,;])/i.test(fields.te)
  head.wantsWebSocket = isWebSocketHandshake(raw, fields)
  const target = applyTarget(head, raw, { fields, rules })
  if (target !== undefined) return target
  return expectation === undefined || head.expectsContinue ? undefined : 'expectation_failed'
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
  const authority = rules.authorities.read(fields.host)
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
function applyConnection(head: Http1RequestHead, connection: string): void {
  const tokens = tokensOf(connection)
  if (tokens.includes('close')) head.keepAlive = false
  else if (tokens.includes('keep-alive')) head.keepAlive = true
  const named = tokens.filter((token) => !COMMON_TOKENS.has(token))
  if (named.length === 0) return
  const kept: RawHeaders = []
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i] ?? ''
    if (!named.includes(name.toLowerCase())) kept.push(name, head.headers[i + 1] ?? '')
  }
  head.headers = kept
}
