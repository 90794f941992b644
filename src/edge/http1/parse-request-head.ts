import { METHODS } from 'node:http'

import { ProxyError, type ProxyErrorKind } from '../error.ts'
import type { RawHeaders } from '../exchange.ts'
import { endOfLine, FORBIDDEN, readFieldLines } from '../message-syntax.ts'
import type { RawRequestHead } from './request-head.ts'

/** Registered methods; anything else is taken for something that is not HTTP. */
const KNOWN_METHODS = new Set(METHODS)
/** A target is ASCII, without spaces (RFC 3986 section 2). */
const VISIBLE = /^[\x21-\x7e]+$/
const VERSION_LENGTH = ' HTTP/1.1'.length

/**
 * Reads the lines of a request head; what they mean is for `readRequestHead`.
 *
 * @param text latin1, without the empty line that ends it
 * @throws {ProxyError} bad_request
 */
export function parseRequestHead(text: string): RawRequestHead {
  if (FORBIDDEN.test(text)) throw badRequest('control character in the head')
  const lineEnd = endOfLine(text, 0)
  const head = parseRequestLine(text.slice(0, lineEnd))
  if (!readFieldLines(text, lineEnd + 2, head.headers)) throw badRequest('malformed header field')
  return head
}

/**
 * @param text latin1, unchecked
 * @throws {ProxyError} bad_framing
 */
export function parseRequestTrailers(text: string): RawHeaders {
  const trailers: RawHeaders = []
  if (text === '') return trailers
  if (FORBIDDEN.test(text) || !readFieldLines(text, 0, trailers)) {
    throw badRequest('malformed trailers', 'bad_framing')
  }
  return trailers
}

/** RFC 9112 section 3: exactly one space between the three parts. */
function parseRequestLine(line: string): RawRequestHead {
  const space = line.indexOf(' ')
  const targetEnd = line.length - VERSION_LENGTH
  const method = line.slice(0, Math.max(space, 0))
  const target = line.slice(space + 1, Math.max(targetEnd, 0))
  const version = line.slice(Math.max(targetEnd, 0))
  if (!KNOWN_METHODS.has(method)) throw badRequest('unknown method')
  if (version !== ' HTTP/1.1' && version !== ' HTTP/1.0') throw badRequest('unknown version')
  if (!VISIBLE.test(target)) throw badRequest('malformed target')
  return { method, target, version: version === ' HTTP/1.1' ? '1.1' : '1.0', headers: [] }
}

export function badRequest(detail: string, kind: ProxyErrorKind = 'bad_request'): ProxyError {
  return new ProxyError(kind, `Cannot read request: ${detail}`)
}
