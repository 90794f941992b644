import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  ClientHelloReader,
  MAX_CLIENT_HELLO_BYTES,
  parseClientHello,
  type ClientHelloResult,
} from '#edge/tls/client-hello.ts'
import {
  extension,
  helloBytes,
  helloMessage,
  inRecords,
  serverNameExtension,
  vector,
} from '#test/hello-bytes.ts'

const STATES = ['complete', 'partial', 'malformed', 'plain-http']

/** Pushes `bytes` in pieces cut at `cuts` and returns what was said last. */
function pushInPieces(bytes: Buffer, cuts: readonly number[]): ClientHelloResult {
  const reader = new ClientHelloReader()
  const ends = [...new Set(cuts.map((cut) => cut % bytes.length)), bytes.length].sort(
    (a, b) => a - b,
  )
  let start = 0
  let last: ClientHelloResult = { state: 'partial', atLeast: 1 }
  for (const end of ends.filter((end) => end > 0)) {
    last = reader.push(bytes.subarray(start, end))
    start = end
    if (last.state !== 'partial') return last
  }
  return last
}

describe('a ClientHello', () => {
  it('tells the name, the protocols, the versions and the signature algorithms', () => {
    const alpn = ['h2', 'http/1.1']
    expect(parseClientHello(helloBytes({ serverName: 'App.Customer.test', alpn }))).toEqual({
      state: 'complete',
      serverName: 'App.Customer.test',
      alpn,
      supportedVersions: [0x0304, 0x0303],
      signatureAlgorithms: [0x0403, 0x0804],
    })
  })

  it('has no name where the client sent none', () => {
    const hello = parseClientHello(helloBytes({ serverName: null }))
    expect(hello).toMatchObject({ state: 'complete', serverName: undefined, alpn: [] })
  })

  it('may have no extensions at all', () => {
    const hello = parseClientHello(helloBytes({ bare: true, legacyVersion: 0x0301 }))
    expect(hello).toMatchObject({ state: 'complete', supportedVersions: [0x0301] })
  })

  it('keeps an IP address as it was sent: whether it is a name is not decided here', () => {
    const hello = parseClientHello(helloBytes({ serverName: '192.0.2.1' }))
    expect(hello).toMatchObject({ state: 'complete', serverName: '192.0.2.1' })
  })

  it('may be followed by other bytes', () => {
    const bytes = Buffer.concat([helloBytes(), Buffer.from('14030300010117', 'hex')])
    expect(parseClientHello(bytes)).toEqual(parseClientHello(helloBytes()))
  })

  it('says the same however it is spread over records and segments', () => {
    const message = helloMessage({ alpn: ['h2'], extensions: [extension(51, Buffer.alloc(1300))] })
    const whole = parseClientHello(inRecords(message))
    expect(whole.state).toBe('complete')
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: message.length }),
        fc.array(fc.nat({ max: 20_000 }), { maxLength: 12 }),
        (fragment, cuts) => {
          const bytes = inRecords(message, fragment)
          const result = pushInPieces(bytes, cuts)
          const fits = bytes.length <= MAX_CLIENT_HELLO_BYTES
          expect(fits ? result : result.state !== 'partial').toEqual(fits ? whole : true)
        },
      ),
    )
  })

  it('comes through one byte at a time, and is never read before it can be complete', () => {
    const bytes = inRecords(helloMessage(), 7)
    const reader = new ClientHelloReader()
    const states = [...bytes].map((byte) => reader.push(Buffer.of(byte)))
    expect(states.slice(0, -1).every(({ state }) => state === 'partial')).toBe(true)
    expect(states.at(-1)).toEqual(parseClientHello(helloBytes()))
    expect(reader.bytes()).toEqual(bytes)
  })

  it('is partial at every cut, and never asks for more than its length', () => {
    const bytes = helloBytes({ alpn: ['h2'] })
    for (let length = 0; length < bytes.length; length++) {
      const result = parseClientHello(bytes.subarray(0, length))
      const atLeast = result.state === 'partial' ? result.atLeast : -1
      expect(atLeast).toBeGreaterThan(length)
      expect(atLeast).toBeLessThanOrEqual(bytes.length)
    }
  })
})

describe('bytes that are no ClientHello', () => {
  const ok = helloMessage()
  const changed = (at: number, ...values: number[]): Buffer => {
    const bytes = Buffer.from(inRecords(ok))
    bytes.set(values, at)
    return bytes
  }
  const withExtensions = (...extensions: Buffer[]): Buffer =>
    helloBytes({ serverName: null, extensions })

  it.each([
    ['a TLS alert', Buffer.from('15030300020228', 'hex'), 'not-tls'],
    ['an SSH greeting', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), 'not-tls'],
    ['an SSLv2 ClientHello', Buffer.from('802e010002001500000010', 'hex'), 'sslv2'],
    ['a record of an unknown major version', changed(1, 2), 'record'],
    ['an empty record', changed(3, 0, 0), 'record'],
    ['a record that is too long', changed(3, 0x40, 0x01), 'record'],
    ['a ServerHello', changed(5, 2), 'not-a-client-hello'],
    ['a message longer than the limit', changed(6, 0, 0x40, 0x00), 'too-long'],
    ['a message that says it has 16 MB', changed(6, 0xff, 0xff, 0xff), 'too-long'],
    ['a session id of 33 bytes', changed(43, 33), 'syntax'],
    ['cipher suites of odd length', changed(77, 7), 'syntax'],
    [
      'an extension that ends beyond the message',
      withExtensions(Buffer.from('006300ff00', 'hex')),
      'syntax',
    ],
    [
      'the same extension twice',
      withExtensions(extension(99, ok), extension(99, ok)),
      'duplicate-extension',
    ],
    ['an empty server name', withExtensions(serverNameExtension({ name: '' })), 'server-name'],
    ['a list without names', withExtensions(extension(0, Buffer.of(0, 0))), 'server-name'],
    [
      'two names',
      withExtensions(serverNameExtension({ name: 'a.test' }, { name: 'b.test' })),
      'server-name',
    ],
    [
      'a name of another type',
      withExtensions(serverNameExtension({ type: 1, name: 'a.test' })),
      'server-name',
    ],
    [
      'a name of 256 bytes',
      withExtensions(serverNameExtension({ name: 'a'.repeat(256) })),
      'server-name',
    ],
    [
      'a server name with bytes after it',
      withExtensions(extension(0, Buffer.from('000400000161ff', 'hex'))),
      'server-name',
    ],
    [
      'an empty protocol name',
      withExtensions(extension(16, vector(2, Buffer.of(0, 1, 65)))),
      'syntax',
    ],
    ['no supported version', helloBytes({ supportedVersions: [] }), 'syntax'],
    ['no signature algorithm', helloBytes({ signatureAlgorithms: [] }), 'syntax'],
  ])('%s is refused', (_what, bytes, reason) => {
    expect(parseClientHello(bytes)).toEqual({ state: 'malformed', reason })
  })

  it('records so small that the limit is reached first are refused, not waited for', () => {
    const big = helloMessage({ extensions: [extension(51, Buffer.alloc(8_000))] })
    expect(parseClientHello(inRecords(big, 3))).toEqual({ state: 'malformed', reason: 'too-long' })
  })

  it('an HTTP request is told apart, as soon as its method is there', () => {
    expect(parseClientHello(Buffer.from('GET / HTTP/1.1\r\n'))).toEqual({ state: 'plain-http' })
    expect(parseClientHello(Buffer.from('PROPFIND /'))).toEqual({ state: 'plain-http' })
    expect(parseClientHello(Buffer.from('PO'))).toEqual({ state: 'partial', atLeast: 3 })
    expect(parseClientHello(Buffer.from('ABCDEFGHIJKLMNOPQRST'))).toMatchObject({
      state: 'malformed',
    })
  })

  it('whatever they are, get one of four answers, and more bytes never undo a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 50 }), (a, b) => {
        const first = parseClientHello(a)
        expect(STATES).toContain(first.state)
        const both = parseClientHello(Buffer.concat([a, b]))
        const isPartial = first.state === 'partial'
        expect(isPartial ? first.atLeast > a.length : both).toEqual(isPartial ? true : first)
      }),
      { numRuns: 2_000 },
    )
  })

  it('made from a sound hello by changing bytes never throw', () => {
    const hello = helloBytes({ alpn: ['h2', 'http/1.1'] })
    const change = fc.tuple(fc.nat({ max: hello.length - 1 }), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = Buffer.from(hello)
        for (const [at, value] of changes) bytes[at] = value
        expect(STATES).toContain(parseClientHello(bytes).state)
      }),
      { numRuns: 2_000 },
    )
  })
})
