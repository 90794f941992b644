import type { ProxyErrorKind } from '../error.ts'
import type { ResponseHead } from '../exchange.ts'
import { PAGE_SECURITY_POLICY, prefersJson, renderPage } from '../page.ts'

interface Presentation {
  status: number
  title: string
  /** One sentence for whoever sees it; never anything of the inside. */
  text: string
}

/** What a client is shown for each kind of error: the one place that knows. */
const PRESENTATIONS = {
  bad_request: [400, 'Bad request', 'The request is malformed.'],
  bad_host: [400, 'Bad request', 'The request does not name its host properly.'],
  bad_framing: [400, 'Bad request', 'The length of the request body is not stated properly.'],
  plain_http_on_tls_port: [400, 'Bad request', 'This port speaks HTTPS: use https:// instead.'],
  unknown_host: [404, 'Unknown host', 'This host is not served here.'],
  header_timeout: [408, 'Request timeout', 'The request did not arrive in time.'],
  body_timeout: [408, 'Request timeout', 'The request body did not arrive in time.'],
  body_too_large: [413, 'Content too large', 'The request body is too large.'],
  expectation_failed: [417, 'Expectation failed', 'The expectation of the request cannot be met.'],
  misdirected: [421, 'Misdirected request', 'This connection does not serve that host.'],
  headers_too_large: [431, 'Request header fields too large', 'The request head is too large.'],
  client_closed: [499, 'Client closed request', 'The client went away.'],
  client_stalled: [499, 'Client closed request', 'The client stopped reading.'],
  internal: [500, 'Internal error', 'Something went wrong on our side.'],
  method_refused: [501, 'Not implemented', 'This method is not served here.'],
  upstream_dns: [502, 'Bad gateway', 'The address of the origin could not be found.'],
  upstream_refused: [502, 'Bad gateway', 'The origin refused the connection.'],
  upstream_unreachable: [502, 'Bad gateway', 'The origin could not be reached.'],
  upstream_tls: [502, 'Bad gateway', 'A secure connection to the origin could not be made.'],
  upstream_certificate: [502, 'Bad gateway', 'The certificate of the origin is not valid.'],
  upstream_closed: [502, 'Bad gateway', 'The origin closed the connection without an answer.'],
  upstream_truncated: [502, 'Bad gateway', 'The answer of the origin broke off.'],
  upstream_bad_response: [502, 'Bad gateway', 'The answer of the origin is malformed.'],
  not_ready: [503, 'Not ready yet', 'This host is being set up.'],
  no_origin: [503, 'Not ready yet', 'This host has no origin yet.'],
  directory_unavailable: [503, 'Service unavailable', 'This host cannot be looked up right now.'],
  overloaded: [503, 'Service unavailable', 'Too many requests at once.'],
  shutting_down: [503, 'Service unavailable', 'This server is shutting down.'],
  upstream_busy: [503, 'Service unavailable', 'The origin is busy.'],
  upstream_connect_timeout: [504, 'Gateway timeout', 'The origin could not be reached in time.'],
  upstream_tls_timeout: [504, 'Gateway timeout', 'The origin did not answer in time.'],
  upstream_send_timeout: [504, 'Gateway timeout', 'The origin did not take the request in time.'],
  upstream_head_timeout: [504, 'Gateway timeout', 'The origin did not answer in time.'],
  upstream_body_timeout: [504, 'Gateway timeout', 'The origin did not finish its answer in time.'],
  tunnel_idle: [504, 'Gateway timeout', 'Nothing was sent for too long.'],
  loop: [508, 'Loop detected', 'The request came back to this server: the origin points here.'],
} as const satisfies Record<ProxyErrorKind, readonly [number, string, string]>

export interface ErrorRequest {
  /** The request's Accept field. */
  accept?: string | undefined
  requestId?: string | undefined
  isHead?: boolean
}

export interface ErrorResponse {
  head: ResponseHead
  body: Buffer
}

/** An error as a small page, or as JSON for clients that ask for it. */
export function renderErrorResponse(kind: ProxyErrorKind, request: ErrorRequest): ErrorResponse {
  const presentation = presentationOf(kind)
  const isJson = prefersJson(request.accept)
  const text = isJson
    ? renderJson(kind, presentation, request.requestId)
    : renderErrorPage(presentation, request.requestId)
  const body = Buffer.from(text)
  const headers = [
    'Content-Type',
    isJson ? 'application/json' : 'text/html; charset=utf-8',
    'Cache-Control',
    'no-store',
    'Vary',
    'Accept',
    'X-Content-Type-Options',
    'nosniff',
    'X-Custos-Error',
    kind,
  ]
  if (!isJson) headers.push('Content-Security-Policy', PAGE_SECURITY_POLICY)
  if (presentation.status === 503) headers.push('Retry-After', '5')
  if (request.requestId !== undefined) headers.push('X-Request-Id', request.requestId)
  return {
    head: {
      status: presentation.status,
      reason: presentation.title,
      headers,
      bodyLength: body.length,
      bodiless: request.isHead ?? false,
      trailers: false,
    },
    body,
  }
}

function presentationOf(kind: ProxyErrorKind): Presentation {
  const [status, title, text] = PRESENTATIONS[kind]
  return { status, title, text }
}

function renderJson(
  kind: ProxyErrorKind,
  { status, title, text }: Presentation,
  requestId: string | undefined,
): string {
  return `${JSON.stringify({ error: kind, status, title, message: text, request_id: requestId })}\n`
}

function renderErrorPage(
  { status, title, text }: Presentation,
  requestId: string | undefined,
): string {
  return renderPage({ title: `${status} ${title}`, content: `<p>${text}</p>`, requestId })
}
