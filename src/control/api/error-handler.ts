import type { Socket } from 'node:net'

import type { FastifyReply, FastifyRequest } from 'fastify'

import type { Logger } from '#lib/log.ts'
import { StoreError } from '#store/store.ts'

import type { ApiErrorKind } from './api-error-table.ts'
import { ApiError } from './api-error.ts'
import { failure } from './envelope.ts'

/** What the server below us refuses by itself. */
const FASTIFY_KINDS: Readonly<Record<string, ApiErrorKind>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type-unsupported',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'body-invalid',
  FST_ERR_CTP_INVALID_JSON_BODY: 'body-invalid',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'body-invalid',
  FST_ERR_BAD_URL: 'route-not-found',
  FST_ERR_MAX_PARAM_LENGTH: 'route-not-found',
}

export interface ErrorHandlerOptions {
  log: Logger
  bodyLimitBytes: number
}

export type ErrorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void

/**
 * The one place where errors become answers. What nobody foresaw is logged with the request's id
 * and answered as `internal`, without its message: it may say more than a client should read.
 */
export function createErrorHandler({ log, bodyLimitBytes }: ErrorHandlerOptions): ErrorHandler {
  return (error, request, reply) => {
    const apiError = toApiError(error, { bodyLimitBytes, url: request.url })
    if (apiError.kind === 'internal') {
      log.error({ err: error, requestId: request.id, method: request.method }, 'request failed')
    } else if (apiError.kind === 'unavailable') {
      log.warn({ err: error, requestId: request.id }, 'request failed: the store is unavailable')
    }
    sendError(reply, apiError)
  }
}

export function sendError(reply: FastifyReply, error: ApiError): void {
  reply.code(error.entry.status).headers(error.headers)
  reply.header('content-type', 'application/json; charset=utf-8')
  reply.serializer(JSON.stringify)
  reply.send(failure(error))
}

function toApiError(error: unknown, context: { bodyLimitBytes: number; url: string }): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof StoreError && error.kind === 'unavailable')
    return new ApiError('unavailable')
  const kind =
    error instanceof Error && 'code' in error ? FASTIFY_KINDS[String(error.code)] : undefined
  if (kind) return new ApiError(kind, { reason: reasonFor(kind, context) })
  if (isBadBody(error)) return new ApiError('body-invalid', { reason: error.message })
  return new ApiError('internal')
}

function reasonFor(kind: ApiErrorKind, context: { bodyLimitBytes: number; url: string }): string {
  if (kind === 'body-too-large') return `at most ${context.bodyLimitBytes} bytes are taken`
  if (kind === 'route-not-found') return pathOf(context.url)
  return 'it is not valid JSON'
}

/** The JSON parser's own refusals, such as of a `__proto__` key, carry only a status. */
function isBadBody(error: unknown): error is Error {
  return error instanceof SyntaxError && 'statusCode' in error && error.statusCode === 400
}

const MAX_SHOWN_PATH = 200

/** The path as a message may show it. */
export function pathOf(url: string): string {
  const path = url.split('?', 1)[0] ?? ''
  return path.length > MAX_SHOWN_PATH ? `${path.slice(0, MAX_SHOWN_PATH)}…` : path
}

/** Answers what the HTTP parser refused before there was a request, then closes. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const kind = error.code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'body-invalid'
  const apiError = new ApiError(kind, { reason: 'it is not a valid HTTP request' })
  const body = JSON.stringify(failure(apiError))
  const { status } = apiError.entry
  const head = `HTTP/1.1 ${status} ${status === 431 ? 'Request Header Fields Too Large' : 'Bad Request'}`
  const headers = `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}`
  socket.end(`${head}\r\n${headers}\r\nconnection: close\r\n\r\n${body}`)
}
