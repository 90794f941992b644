import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'

import { Agent, errors, request } from 'undici'

import type { Clock } from '#lib/clock.ts'
import { startDeadline } from '#lib/deadline.ts'

import { IssuerError } from '../issuer.ts'

/**
 * HTTP to one CA: its own connections with its own trusted roots, so that what is trusted for the CA
 * is trusted for nothing else; a time limit on every request and a size limit on every answer. No
 * redirects: RFC 8555 has none.
 */
export interface AcmeHttp {
  /**
   * Resolves with any answer, whatever its status.
   * @throws {IssuerError} `unavailable` where there is no whole answer
   * @throws the signal's reason when it aborts
   */
  send(request: AcmeRequest, signal: AbortSignal): Promise<AcmeResponse>
  /** Cuts what is under way. Idempotent. */
  close(): Promise<void>
}

export interface AcmeRequest {
  method: 'GET' | 'HEAD' | 'POST'
  url: string
  /** A JWS in JSON. */
  body?: string
  /** @default 'application/json' */
  accept?: string
}

export interface AcmeResponse {
  status: number
  body: Buffer
  /** The first value of a header, by its lower-case name. */
  header(name: string): string | undefined
  /** All values of a header, in their order. */
  headers(name: string): readonly string[]
}

export interface AcmeHttpOptions {
  directoryUrl: string
  /** Roots trusted beside the built-in ones, PEM each. */
  roots: readonly string[]
  clock: Clock
  /** From the start of a request to the end of its answer, in milliseconds. */
  timeoutMs: number
}

/** A chain of eight RSA certificates in PEM has some 20 KiB. */
const MAX_RESPONSE_BYTES = 1024 * 1024
const MAX_CONNECTIONS = 16
/** RFC 8555 section 6.1 wants one. */
const USER_AGENT = 'Custos (ACME client)'

export function createAcmeHttp(options: AcmeHttpOptions): AcmeHttp {
  const { directoryUrl, clock, timeoutMs } = options
  const { host, protocol } = new URL(directoryUrl)
  const agent = createAgent(options)
  let closing: Promise<void> | undefined
  return {
    async send(sent, signal) {
      signal.throwIfAborted()
      checkAddress(sent.url, protocol)
      using deadline = startDeadline(timeoutMs, { clock, signal })
      try {
        return await exchange(sent, { agent, signal: deadline.signal })
      } catch (cause) {
        signal.throwIfAborted()
        const reason = deadline.isOver
          ? `no whole answer within ${timeoutMs / 1000} s`
          : reasonOf(cause)
        const message = `The CA at ${host} cannot be used now: ${reason}.`
        throw new IssuerError('unavailable', message, { cause })
      }
    },
    close: () => (closing ??= agent.destroy()),
  }
}

function createAgent({ roots, timeoutMs }: AcmeHttpOptions): Agent {
  return new Agent({
    allowH2: false,
    connections: MAX_CONNECTIONS,
    maxResponseSize: MAX_RESPONSE_BYTES,
    connect: {
      timeout: timeoutMs,
      // One for all connections: made for each it is read anew, some 10 ms for all built-in roots.
      ...(roots.length > 0 && { secureContext: trusting([...rootCertificates, ...roots]) }),
    },
  })
}

async function exchange(
  { method, url, body, accept = 'application/json' }: AcmeRequest,
  { agent, signal }: { agent: Agent; signal: AbortSignal },
): Promise<AcmeResponse> {
  const type = body === undefined ? {} : { 'content-type': 'application/jose+json' }
  const response = await request(url, {
    dispatcher: agent,
    method,
    signal,
    headers: { accept, 'user-agent': USER_AGENT, ...type },
    ...(body !== undefined && { body }),
  })
  const headers = (name: string): string[] => [response.headers[name] ?? []].flat()
  return {
    status: response.statusCode,
    body: Buffer.from(await response.body.arrayBuffer()),
    header: (name) => headers(name)[0],
    headers,
  }
}

function trusting(ca: string[]): SecureContext {
  return createSecureContext({ ca })
}

/** The CA names its addresses itself: none may be less safe than the one that it was set up with. */
function checkAddress(url: string, directoryProtocol: string): void {
  const protocol = URL.parse(url)?.protocol
  if (protocol === 'https:' || (protocol === 'http:' && directoryProtocol === 'http:')) return
  throw new IssuerError('unavailable', 'The CA named an address that is not an https URL.')
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.ResponseExceededMaxSizeError) {
    return `an answer of more than ${MAX_RESPONSE_BYTES} bytes`
  }
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return error.message || code || error.name
}
