import type { EdgeDirectory } from '#directory/directory.ts'
import type { Binding, WellKnownAnswer } from '#domain/binding.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { MetricFamily } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'

import type { BindingLookup } from '../connection.ts'
import type { ProxyErrorKind } from '../error.ts'
import type { Exchange, ExchangeHandler, ExchangeListener, RawHeaders } from '../exchange.ts'
import type { AnswerRecorder, OwnAnswer } from '../proxy/answer-recorder.ts'
import { requestIdOf } from '../proxy/request-id.ts'
import type { Sightings } from '../sightings.ts'
import { renderNotReady } from './not-ready-page.ts'
import type { PlainAnswer } from './plain-answer.ts'

/** What port 80 answered by itself. */
export type PlainAnswerKind =
  | 'challenge'
  | 'no-challenge'
  | 'not-ready'
  | 'redirect'
  | 'unavailable'

export interface PlainRulesOptions {
  directory: Pick<EdgeDirectory, 'findAnswer'>
  bindings: BindingLookup
  clock: Pick<Clock, 'now'>
  random: Random
  /** Counts answers by kind. */
  answers: MetricFamily<'kind'>
  /** Hears of each challenge that was answered. */
  sightings: Pick<Sightings, 'noteChallenge'>
  /** Hears of each answer when it is over. */
  record: AnswerRecorder
  /** Port of HTTPS as clients reach it; 443 is left out of redirects. */
  httpsPort: () => number
  /** Takes what is to be proxied, and everything that came over TLS. */
  next: ExchangeListener
}

const ACME_CHALLENGE = '/.well-known/acme-challenge/'
const WELL_KNOWN = [ACME_CHALLENGE, '/.well-known/cf-custom-hostname-challenge/'] as const
/** Tokens have a few dozen characters (RFC 8555 section 8.3); what is longer is not looked up. */
const MAX_PATH = 512

/**
 * What port 80 does before the proxy, in order: answers challenges and ownership tokens from the
 * directory; tells what is missing of a hostname that is not served yet; redirects to HTTPS where the
 * zone wants that and there is a certificate. Everything else is proxied, errors included: a name
 * that nobody has gets the proxy's own answer.
 */
export function createPlainRules(options: PlainRulesOptions): ExchangeListener {
  const rules = new PlainRules(options)
  return (exchange) => {
    if (exchange.connection.scheme === 'https' || exchange.problem) options.next(exchange)
    else rules.handle(exchange)
  }
}

/** A request with a proper host, on port 80. */
interface Asked {
  readonly exchange: Exchange
  readonly hostname: Hostname
  readonly requestId: string
  readonly startedAt: number
}

class PlainRules {
  readonly #options: PlainRulesOptions

  constructor(options: PlainRulesOptions) {
    this.#options = options
  }

  handle(exchange: Exchange): void {
    const { bindings, next, random, clock } = this.#options
    const { hostname, headers } = exchange
    if (hostname === undefined) return next(exchange)
    const requestId = requestIdOf(findHeader(headers, 'x-request-id'), random)
    const asked = { exchange, hostname, requestId, startedAt: clock.now() }
    const found = bindings.find(hostname)
    if (found instanceof Promise) void this.#handleCold(asked, found)
    else this.#onBinding(asked, found)
  }

  async #handleCold(asked: Asked, found: Promise<Binding | undefined>): Promise<void> {
    const binding = await found.catch(() => undefined)
    this.#onBinding(asked, binding)
  }

  #onBinding(asked: Asked, binding: Binding | undefined): void {
    const { exchange } = asked
    const path = withoutQuery(exchange.path)
    if (!binding) return this.#options.next(exchange)
    if (WELL_KNOWN.some((prefix) => path.startsWith(prefix))) {
      return void this.#answerChallenge(asked, { path, binding })
    }
    if (binding.missing.length > 0) return this.#answerNotReady(asked, binding)
    if (binding.alwaysUseHttps && binding.chains.length > 0) return this.#redirect(asked)
    this.#options.next(exchange)
  }

  async #answerChallenge(
    asked: Asked,
    { path, binding }: { path: string; binding: Binding },
  ): Promise<void> {
    const { directory, clock } = this.#options
    if (path.length > MAX_PATH) return this.#send(asked, 'no-challenge', NO_CHALLENGE)
    try {
      const answer = await directory.findAnswer(asked.hostname, path, clock.now())
      if (!answer) return this.#send(asked, 'no-challenge', NO_CHALLENGE)
      if (path.startsWith(ACME_CHALLENGE)) this.#noteChallenge(asked, { answer, binding })
      this.#send(asked, 'challenge', text(200, 'OK', answer.body))
    } catch {
      this.#send(asked, 'unavailable', UNAVAILABLE)
    }
  }

  #noteChallenge(
    { exchange: { connection, headers } }: Asked,
    { answer, binding }: { answer: WellKnownAnswer; binding: Binding },
  ): void {
    const { hostname, hostnameId } = binding
    this.#options.sightings.noteChallenge({
      type: 'http-01',
      answer,
      hostnameId: hostname === answer.hostname ? hostnameId : undefined,
      by: connection.remoteAddress,
      userAgent: findHeader(headers, 'user-agent'),
    })
  }

  #answerNotReady(asked: Asked, { hostname, missing }: Binding): void {
    const { exchange, requestId } = asked
    const accept = findHeader(exchange.headers, 'accept')
    this.#send(asked, 'not-ready', renderNotReady({ hostname, missing, accept, requestId }))
  }

  /** 308 keeps the method (RFC 9110 section 15.4.9). The name comes from the parser, never raw. */
  #redirect(asked: Asked): void {
    const { exchange, hostname } = asked
    const port = this.#options.httpsPort()
    const path = exchange.path.startsWith('/') ? exchange.path : '/'
    const location = `https://${hostname}${port === 443 ? '' : `:${port}`}${path}`
    const { headers, ...rest } = text(308, 'Permanent Redirect', '')
    this.#send(asked, 'redirect', { ...rest, headers: ['Location', location, ...headers] })
  }

  #send(asked: Asked, kind: PlainAnswerKind, answer: PlainAnswer): void {
    const { exchange, requestId } = asked
    this.#options.answers.cell({ kind }).value += 1
    const { status, reason, headers } = answer
    const body = Buffer.from(answer.body)
    const bodiless = exchange.method === 'HEAD'
    exchange.open(this.#watchEnd(asked, { status, error: ERRORS[kind] }))
    exchange.respond({
      status,
      reason,
      headers: [...headers, 'X-Request-Id', requestId],
      bodyLength: body.length,
      bodiless,
      trailers: false,
    })
    exchange.end(bodiless ? undefined : body)
  }

  /** These answers need nothing of the request's body; only their end is of interest. */
  #watchEnd(asked: Asked, outcome: Pick<OwnAnswer, 'status' | 'error'>): ExchangeHandler {
    const { exchange, requestId, startedAt } = asked
    return {
      onRequestData() {},
      onRequestEnd() {},
      onRequestError() {},
      onDrain() {},
      onClose: (completed) => {
        const end = completed ? outcome : CLIENT_CLOSED
        this.#options.record(exchange, { requestId, startedAt, ...end })
      },
    }
  }
}

const CLIENT_CLOSED = { status: 499, error: 'client_closed' } as const

/** Answers that count as errors. */
const ERRORS: Readonly<Partial<Record<PlainAnswerKind, ProxyErrorKind>>> = {
  'not-ready': 'not_ready',
  unavailable: 'directory_unavailable',
}

const NO_CHALLENGE: PlainAnswer = text(404, 'Not Found', 'No such challenge.\n', [
  'X-Custos-Error',
  'no_challenge',
])
const UNAVAILABLE: PlainAnswer = text(503, 'Service Unavailable', 'Try again in a moment.\n', [
  'X-Custos-Error',
  'directory_unavailable',
  'Retry-After',
  '5',
])

function text(status: number, reason: string, body: string, more: RawHeaders = []): PlainAnswer {
  const headers = ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store']
  return { status, reason, headers: [...headers, ...more], body }
}

function withoutQuery(path: string): string {
  const at = path.indexOf('?')
  return at < 0 ? path : path.slice(0, at)
}

/** All values of a field, joined; empty where there is none. */
function findHeader(headers: RawHeaders, name: string): string {
  const values: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === name) values.push(headers[i + 1] ?? '')
  }
  return values.join(', ')
}
