import { UNKNOWN_LENGTH, type Exchange, type RawHeaders } from '../exchange.ts'

export interface ForwardingNames {
  /** Our pseudonym in Via (RFC 9110 section 7.6.3). */
  via: string
  /** Our id in CDN-Loop (RFC 8586). */
  loopId: string
}

/** What the client's own headers say about the way so far. */
export interface ForwardedFields {
  forwardedFor: string | undefined
  forwarded: string | undefined
  via: string | undefined
  cdnLoop: string | undefined
  requestId: string | undefined
  accept: string | undefined
  /** All other fields, as lines. */
  rest: string
}

type Field = 'for' | 'forwarded' | 'via' | 'loop' | 'id' | 'accept' | 'dropped'

/**
 * Fields that we write ourselves. A client's own X-Forwarded-Proto, -Host and -Port, X-Real-IP, CF-…
 * and X-Custos-… are dropped: an origin believes them. So is every one of these written with `_`,
 * which many origins (CGI, WSGI, Rack, PHP) take for the same field (CVE-2015-0219).
 */
const FIELDS = new Map<string, Field>([
  ['accept', 'accept'],
  ['x-forwarded-for', 'for'],
  ['forwarded', 'forwarded'],
  ['via', 'via'],
  ['cdn-loop', 'loop'],
  ['x-request-id', 'id'],
  ['x-forwarded-proto', 'dropped'],
  ['x-forwarded-host', 'dropped'],
  ['x-forwarded-port', 'dropped'],
  ['x-forwarded-scheme', 'dropped'],
  ['x-forwarded-ssl', 'dropped'],
  ['x-forwarded-server', 'dropped'],
  ['x-real-ip', 'dropped'],
  ['true-client-ip', 'dropped'],
])
const DROPPED_PREFIXES = /^(?:cf-|x-custos-)/

/** Reads a request's fields once: those about the way on their own, the others as they are sent. */
export function readForwardedFields(headers: RawHeaders): ForwardedFields {
  const fields: ForwardedFields = {
    forwardedFor: undefined,
    forwarded: undefined,
    via: undefined,
    cdnLoop: undefined,
    requestId: undefined,
    accept: undefined,
    rest: '',
  }
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    const field = fieldOf(name)
    if (field === undefined || field === 'accept') fields.rest += `${name}: ${value}\r\n`
    if (field !== undefined) keep(fields, field, value)
  }
  return fields
}

/** Whether a request has already passed us: it would go round for ever (RFC 8586). */
export function isLoop(fields: ForwardedFields, loopId: string): boolean {
  if (fields.cdnLoop === undefined) return false
  return fields.cdnLoop.split(',').some((part) => part.split(';')[0]?.trim() === loopId)
}

export interface RequestHeadParts {
  fields: ForwardedFields
  names: ForwardingNames
  requestId: string
}

/** The head that goes to the origin, with the empty line. Host is the client's, unchanged. */
export function renderRequestHead(exchange: Exchange, parts: RequestHeadParts): string {
  const { fields, names, requestId } = parts
  const { authority, connection, httpVersion } = exchange
  const { scheme, remoteAddress } = connection
  return (
    `${exchange.method} ${exchange.path} HTTP/1.1\r\n` +
    `Host: ${authority}\r\n` +
    fields.rest +
    renderFraming(exchange) +
    `X-Forwarded-For: ${append(fields.forwardedFor, remoteAddress)}\r\n` +
    `X-Forwarded-Proto: ${scheme}\r\n` +
    `X-Forwarded-Host: ${authority}\r\n` +
    `Forwarded: ${append(fields.forwarded, forwardedElement(exchange))}\r\n` +
    `Via: ${append(fields.via, `${httpVersion} ${names.via}`)}\r\n` +
    `CDN-Loop: ${append(fields.cdnLoop, names.loopId)}\r\n` +
    `CF-Connecting-IP: ${remoteAddress}\r\n` +
    `CF-Visitor: {"scheme":"${scheme}"}\r\n` +
    `X-Request-Id: ${requestId}\r\n` +
    '\r\n'
  )
}

function fieldOf(name: string): Field | undefined {
  switch (name.charCodeAt(0) | 0x20) {
    case 0x61: // a
    case 0x63: // c
    case 0x66: // f
    case 0x74: // t
    case 0x76: // v
    case 0x78: // x
      return knownFieldOf(name.toLowerCase())
    default:
      return undefined
  }
}

function knownFieldOf(lower: string): Field | undefined {
  if (lower.includes('_')) {
    const field = knownFieldOf(lower.replaceAll('_', '-'))
    return field === undefined || field === 'accept' ? undefined : 'dropped'
  }
  return FIELDS.get(lower) ?? (DROPPED_PREFIXES.test(lower) ? 'dropped' : undefined)
}

function keep(fields: ForwardedFields, field: Field, value: string): void {
  switch (field) {
    case 'for':
      fields.forwardedFor = append(fields.forwardedFor, value)
      break
    case 'forwarded':
      fields.forwarded = append(fields.forwarded, value)
      break
    case 'via':
      fields.via = append(fields.via, value)
      break
    case 'loop':
      fields.cdnLoop = append(fields.cdnLoop, value)
      break
    case 'id':
      fields.requestId ??= value
      break
    case 'accept':
      fields.accept = append(fields.accept, value)
      break
    case 'dropped':
      break
    default:
      field satisfies never
  }
}

function append(list: string | undefined, value: string): string {
  return list === undefined || list === '' ? value : `${list}, ${value}`
}

function renderFraming(exchange: Exchange): string {
  let text = ''
  if (exchange.wantsWebSocket) text += 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  if (exchange.acceptsTrailers) text += 'Connection: TE\r\nTE: trailers\r\n'
  if (exchange.expectsContinue) text += 'Expect: 100-continue\r\n'
  if (exchange.bodyLength === UNKNOWN_LENGTH) text += 'Transfer-Encoding: chunked\r\n'
  else if (exchange.bodyLength > 0 || hasBodyMeaning(exchange.method)) {
    text += `Content-Length: ${exchange.bodyLength}\r\n`
  }
  return text
}

/** Methods whose empty body is said aloud (RFC 9110 section 8.6). */
function hasBodyMeaning(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

/** RFC 7239 section 4; an IPv6 address is quoted and bracketed, a host with a port is quoted. */
function forwardedElement(exchange: Exchange): string {
  const { remoteAddress, scheme } = exchange.connection
  const node = remoteAddress.includes(':') ? `"[${remoteAddress}]"` : remoteAddress
  return `for=${node};host="${exchange.authority}";proto=${scheme}`
}
