import { createHash } from 'node:crypto'

import type { Random } from '#lib/random.ts'

import { ProxyError } from '../error.ts'
import type { RawHeaders } from '../exchange.ts'

/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** HTTP/2 clients send no key (RFC 8441 section 5); an HTTP/1.1 origin wants one. */
export function createWebSocketKey(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('base64')
}

/**
 * Takes the origin's proof that it has understood the handshake out of its answer.
 *
 * @throws {ProxyError} upstream_bad_response where it is missing or wrong
 */
export function takeWebSocketAccept(headers: RawHeaders, key: string): RawHeaders {
  const expected = createHash('sha1').update(`${key}${GUID}`).digest('base64')
  const kept: RawHeaders = []
  let isProved = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    if (name.toLowerCase() !== 'sec-websocket-accept') kept.push(name, value)
    else isProved = value === expected
  }
  if (!isProved) {
    throw new ProxyError('upstream_bad_response', 'Origin gave no proof of the WebSocket handshake')
  }
  return kept
}
