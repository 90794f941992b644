import { describe, expect, it } from 'vitest'

import { readHttp2RequestHead, type Http2RequestHead } from '#edge/http2/http2-request-head.ts'
import type { RawHeaders } from '#edge/exchange.ts'
import { aBinding } from '#test/test-binding.ts'

const HOST = 'app.customer.test'
const binding = aBinding(HOST)
const BASE = { ':method': 'GET', ':scheme': 'https', ':authority': HOST, ':path': '/' }

function read(
  change: Record<string, string | undefined> = {},
  { more = [] as RawHeaders, endsStream = true } = {},
): Http2RequestHead {
  const raw = Object.entries({ ...BASE, ...change }).flatMap(([name, value]) =>
    value === undefined ? [] : [name, value],
  )
  return readHttp2RequestHead([...raw, ...more], {
    endsStream,
    maxRequestHeaders: 100,
    connection: {
      scheme: 'https',
      remoteAddress: '192.0.2.1',
      remotePort: 1,
      localPort: 443,
      tls: {
        serverName: binding.hostname,
        binding,
        version: 'TLSv1.3',
        cipher: '',
        resumed: false,
        keyAlgorithm: 'ecdsa',
        alpn: 'h2',
      },
    },
  })
}

function kindOf(change: Record<string, string | undefined>): string | undefined {
  return read(change).problem?.kind
}

describe('an HTTP/2 request head', () => {
  it('keeps end-to-end fields only', () => {
    const more = [
      'accept',
      '*/*',
      'te',
      'trailers',
      'trailer',
      'x',
      'proxy-authorization',
      'x',
      'x-a',
      '1',
    ]
    expect(read({}, { more })).toMatchObject({
      method: 'GET',
      hostname: HOST,
      authority: HOST,
      path: '/',
      headers: ['accept', '*/*', 'x-a', '1'],
      acceptsTrailers: true,
      bodyLength: 0,
      problem: undefined,
    })
  })

  it('knows how long the body is', () => {
    expect(read({}, { endsStream: false }).bodyLength).toBe(-1)
    expect(read({ 'content-length': '12' }, { endsStream: false }).bodyLength).toBe(12)
    expect(read({ 'content-length': '0' }, { endsStream: true }).bodyLength).toBe(0)
  })

  it('joins the crumbs of a cookie', () => {
    const more = ['cookie', 'a=1', 'x-a', '1', 'cookie', 'b=2']
    expect(read({}, { more }).headers).toEqual(['x-a', '1', 'cookie', 'a=1; b=2'])
  })

  it('takes Host where there is no :authority, and none that differs from it', () => {
    expect(read({ ':authority': undefined, host: HOST }).hostname).toBe(HOST)
    expect(kindOf({ host: HOST.toUpperCase() })).toBeUndefined()
    expect(kindOf({ host: 'other.test' })).toBe('bad_host')
    expect(kindOf({ ':authority': undefined })).toBe('bad_host')
    expect(kindOf({ ':authority': `a@${HOST}` })).toBe('bad_host')
  })

  it('must be for a host of this connection, and its scheme', () => {
    expect(kindOf({ ':authority': 'other.test' })).toBe('misdirected')
    expect(kindOf({ ':authority': '192.0.2.1' })).toBe('misdirected')
    expect(kindOf({ ':scheme': 'http' })).toBe('misdirected')
  })

  it('must have a path in origin form, or * for OPTIONS', () => {
    for (const path of ['', 'a', '*', '/a b', '/a#b', '/a\r\nx: y', '/\x7f', 'https://x/']) {
      expect([path, kindOf({ ':path': path })]).toEqual([path, 'bad_request'])
    }
    expect(kindOf({ ':method': 'OPTIONS', ':path': '*' })).toBeUndefined()
  })

  it('turns a WebSocket handshake into one, and refuses other tunnels', () => {
    const webSocket = read({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      'sec-websocket-key': 'k',
    })
    expect(webSocket).toMatchObject({ method: 'GET', wantsWebSocket: true, headers: [] })
    expect(kindOf({ ':method': 'CONNECT' })).toBe('method_refused')
    expect(kindOf({ ':method': 'CONNECT', ':protocol': 'connect-udp' })).toBe('method_refused')
  })

  it('must not have more fields than the limit', () => {
    const more = Array.from({ length: 101 }, () => ['x-a', '1']).flat()
    expect(read({}, { more }).problem?.kind).toBe('headers_too_large')
  })
})
