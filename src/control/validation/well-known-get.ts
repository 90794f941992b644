import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'

import type { Clock } from '#lib/clock.ts'

import type { DnsAddress } from '../dns/resolver.ts'
import { readAnswerMarks, type AnswerMarks } from './answer-marks.ts'
import { renderAuthority, type WellKnownTarget } from './well-known-target.ts'

/** What one request to one address came to. */
export type GetResult =
  /** The body only where the status is 200. */
  | {
      kind: 'answered'
      status: number
      location: string | undefined
      body: string
      marks: AnswerMarks
    }
  | { kind: 'failed'; failure: GetFailure; isConnected: boolean }

export type GetFailure = 'refused' | 'unreachable' | 'timeout' | 'protocol' | 'too-large'

export interface GetOptions {
  address: DnsAddress
  userAgent: string
  /** For the TCP connection alone; the whole is bounded by `signal`. In milliseconds. */
  connectMs: number
  maxBodyBytes: number
  clock: Clock
  signal: AbortSignal
}

const MAX_HEADER_BYTES = 16_384

/** One GET over a connection of its own. Never rejects: a failure is a result. */
export function getFrom(target: WellKnownTarget, options: GetOptions): Promise<GetResult> {
  const { promise, resolve } = Promise.withResolvers<GetResult>()
  const { clock, connectMs, maxBodyBytes } = options
  let isConnected = false
  const request = send(target, options)
  const timer = clock.after(connectMs, () => isConnected || request.destroy(new ConnectTimeout()))
  request.once('socket', (socket) => socket.once('connect', () => (isConnected = true)))
  request.on('error', (error) => {
    resolve({ kind: 'failed', failure: failureOf(error), isConnected })
  })
  request.once('response', (response) => {
    readResponse(response, maxBodyBytes)
      .catch((error: unknown) => ({ failure: failureOf(error) }))
      .then((read) => {
        resolve('failure' in read ? { kind: 'failed', ...read, isConnected } : read)
      })
  })
  request.end()
  return promise.finally(() => {
    timer.cancel()
    request.destroy()
  })
}

class ConnectTimeout extends Error {
  readonly code = 'ETIMEDOUT'
}

function send(
  target: WellKnownTarget,
  { address, userAgent, signal }: GetOptions,
): ReturnType<typeof requestHttp> {
  const options: RequestOptions = {
    host: address.address,
    family: address.family,
    port: target.port,
    path: target.path,
    setHost: false,
    headers: {
      host: renderAuthority(target),
      'user-agent': userAgent,
      accept: '*/*',
      connection: 'close',
    },
    agent: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    signal,
  }
  if (target.scheme === 'http') return requestHttp(options)
  // Not verified, as CAs do: the certificate is what is to be obtained; the body is the proof.
  return requestHttps({ ...options, servername: target.host, rejectUnauthorized: false })
}

async function readResponse(
  response: IncomingMessage,
  maxBodyBytes: number,
): Promise<Extract<GetResult, { kind: 'answered' }> | { failure: GetFailure }> {
  const { statusCode: status = 0, headers } = response
  const { location } = headers
  const head = { kind: 'answered', status, location, marks: readAnswerMarks(headers) } as const
  if (status !== 200) return { ...head, body: '' }
  if (Number(headers['content-length'] ?? 0) > maxBodyBytes) return { failure: 'too-large' }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > maxBodyBytes) return { failure: 'too-large' }
    chunks.push(bytes)
  }
  return { ...head, body: Buffer.concat(chunks).toString('latin1') }
}

function failureOf(error: unknown): GetFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return FAILURES.get(code) ?? 'protocol'
}

const FAILURES = new Map<string, GetFailure>([
  ['ECONNREFUSED', 'refused'],
  ['ETIMEDOUT', 'timeout'],
  ['ABORT_ERR', 'timeout'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['EADDRNOTAVAIL', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['ENETDOWN', 'unreachable'],
  ['EACCES', 'unreachable'],
  ['EPERM', 'unreachable'],
  ['EINVAL', 'unreachable'],
])
