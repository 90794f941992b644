import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { readWithNode, readWithOurs } from '#test/request-reading.ts'

const HOST = 'Host: a.test\r\n'

/** Requests in order, of every shape that the parser tells apart. */
const GOOD = [
  `GET / HTTP/1.1\r\n${HOST}\r\n`,
  `\r\nGET /after-an-empty-line HTTP/1.1\r\n${HOST}\r\n`,
  `HEAD /x?y=z HTTP/1.1\r\n${HOST}Accept:  a/b \t\r\nX-Empty:\r\n\r\n`,
  `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
  `GET http://a.test/absolute HTTP/1.1\r\n${HOST}\r\n`,
  `POST /counted HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\n0123456789`,
  `POST /empty HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`,
  `PUT /chunks HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nA;x="y"\r\n0123456789\r\n0\r\n\r\n`,
  `PUT /trailers HTTP/1.1\r\n${HOST}transfer-encoding: Chunked\r\n\r\n1\r\na\r\n000\r\nX-Sum: 1\r\nY: \xe9\r\n\r\n`,
  `GET /old HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`,
]

/** What could be read in two ways, or is not HTTP/1.1 at all. */
const HOSTILE = [
  'GET /\r\n\r\n',
  `GET  / HTTP/1.1\r\n${HOST}\r\n`,
  `GET /  HTTP/1.1\r\n${HOST}\r\n`,
  `GET\t/ HTTP/1.1\r\n${HOST}\r\n`,
  ` GET / HTTP/1.1\r\n${HOST}\r\n`,
  `\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`,
  `\nGET / HTTP/1.1\r\n${HOST}\r\n`,
  `get / HTTP/1.1\r\n${HOST}\r\n`,
  `GET / http/1.1\r\n${HOST}\r\n`,
  `GET / HTTP/1.2\r\n${HOST}\r\n`,
  `GET / HTTP/11\r\n${HOST}\r\n`,
  `GET / HTTP/1.1 \r\n${HOST}\r\n`,
  `GET / HTTP/1.1\n${HOST}\r\n`,
  `GET / HTTP/1.1\r${HOST}\r\n`,
  `GET / HTTP/1.1\r\n${HOST}\n\r\n`,
  `GET / HTTP/1.1\r\n${HOST}X: a\rb\r\n\r\n`,
  `GET / HTTP/1.1\r\n${HOST}X: a\x00b\r\n\r\n`,
  `GET / HTTP/1.1\r\n${HOST}X: a\x7fb\r\n\r\n`,
  `GET / HTTP/1.1\r\n${HOST}X : a\r\n\r\n`,
  `GET / HTTP/1.1\r\n${HOST}X\r\n\r\n`,
  `GET / HTTP/1.1\r\n${HOST}: a\r\n\r\n`,
  `GET / HTTP/1.1\r\n${HOST}(X): a\r\n\r\n`,
  `GET / HTTP/1.1\r\n${HOST}X: a\r\n folded\r\n\r\n`,
  `GET / HTTP/1.1\r\n X: a\r\n${HOST}\r\n`,
  `GET / HTTP/1.1\r\n\r\n`,
  `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`,
  `GET http://b.test/ HTTP/1.1\r\n${HOST}\r\n`,
  `GET a.test/ HTTP/1.1\r\n${HOST}\r\n`,
  `CONNECT a.test:443 HTTP/1.1\r\n${HOST}\r\n`,
  `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`,
  `POST / HTTP/1.1\r\n${HOST}Content-Length: 1, 1\r\n\r\na`,
  `POST / HTTP/1.1\r\n${HOST}Content-Length: +1\r\n\r\na`,
  `POST / HTTP/1.1\r\n${HOST}Content-Length: 1 1\r\n\r\na`,
  `POST / HTTP/1.1\r\n${HOST}Content-Length: 99999999999999999999\r\n\r\na`,
  `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
  `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
  `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ...[
    '5\nabcde\r\n0\r\n\r\n',
    '5\r\nabcdef\r\n0\r\n\r\n',
    '5\r\nabcde\n0\r\n\r\n',
    '0x5\r\nabcde\r\n0\r\n\r\n',
    '-5\r\nabcde\r\n0\r\n\r\n',
    ' 5\r\nabcde\r\n0\r\n\r\n',
    '\r\n5\r\nabcde\r\n0\r\n\r\n',
    '5;\x00\r\nabcde\r\n0\r\n\r\n',
    '5;a\nb\r\nabcde\r\n0\r\n\r\n',
    'fffffffffffffffff\r\nabcde\r\n0\r\n\r\n',
    `5;${'e'.repeat(20_000)}\r\nabcde\r\n0\r\n\r\n`,
    '0\r\nX : a\r\n\r\n',
    '0\r\nX: a\n\r\n',
    '0\r\n X: a\r\n\r\n',
    `0\r\n${'X: a\r\n'.repeat(5000)}\r\n`,
  ].map((body) => `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${body}`),
  `GET /${'a'.repeat(5000)} HTTP/1.1\r\n${HOST}\r\n`,
  `GET / HTTP/1.1\r\n${HOST}${'X: a\r\n'.repeat(300)}\r\n`,
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
]

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')

/** Bytes cut at any places. */
const inPieces = (text: fc.Arbitrary<string>): fc.Arbitrary<{ whole: Buffer; pieces: Buffer[] }> =>
  fc.tuple(text, fc.array(fc.nat(400), { maxLength: 12 })).map(([value, lengths]) => {
    const whole = bytesOf(value)
    const pieces: Buffer[] = []
    let at = 0
    for (const length of lengths) {
      pieces.push(whole.subarray(at, at + length))
      at += length
    }
    return { whole, pieces: [...pieces, whole.subarray(at)] }
  })

const goodRequests = fc.array(fc.constantFrom(...GOOD), { minLength: 1, maxLength: 6 })

/** A request with a little harm done to it where parsers differ. */
const harmed = fc
  .tuple(
    fc.constantFrom(...GOOD, ...HOSTILE.filter((text) => text.length < 500)),
    fc.nat(),
    fc.constantFrom(
      '\r',
      '\n',
      '\r\n',
      ' ',
      '\t',
      '\0',
      ':',
      ';',
      ',',
      '0',
      '5',
      'a',
      '\x0b',
      '\xa0',
    ),
    fc.nat(2),
  )
  .map(([text, place, what, removed]) => {
    const at = place % (text.length + 1)
    return text.slice(0, at) + what + text.slice(at + removed)
  })

describe('the request parser', () => {
  it('reads requests in order, whatever they are made of', () => {
    const { requests, error } = readWithOurs([bytesOf(GOOD.join(''))])
    expect(error).toBeUndefined()
    expect(requests).toHaveLength(GOOD.length)
    expect(requests.map(({ body }) => body).filter(Boolean)).toEqual([
      '0123456789',
      'abcde0123456789',
      'a',
    ])
    expect(requests[2]?.headers).toEqual(['Host', 'a.test', 'Accept', 'a/b', 'X-Empty', ''])
    expect(requests[8]?.trailers).toEqual(['X-Sum', '1', 'Y', '\xe9'])
  })

  it('reads the same in whatever pieces the bytes come', () => {
    fc.assert(
      fc.property(inPieces(goodRequests.map((texts) => texts.join(''))), ({ whole, pieces }) => {
        expect(readWithOurs(pieces)).toEqual(readWithOurs([whole]))
      }),
      { numRuns: 300 },
    )
    for (const text of [...GOOD, ...HOSTILE.filter((hostile) => hostile.length < 500)]) {
      const bytes = bytesOf(text)
      const whole = readWithOurs([bytes])
      for (let at = 1; at < bytes.length; at++) {
        const halves = readWithOurs([bytes.subarray(0, at), bytes.subarray(at)])
        expect(halves).toEqual(whole)
      }
    }
  })

  it.each(HOSTILE)('serves nothing of %j', (text) => {
    const { requests, error } = readWithOurs([bytesOf(text)])
    expect(requests).toEqual([])
    expect(error).toMatch(/^(bad_|headers_too_large|method_refused)/)
  })

  it('refuses, and never fails otherwise, whatever bytes come', () => {
    const noise = fc
      .uint8Array({ maxLength: 300 })
      .map((bytes) => Buffer.from(bytes).toString('latin1'))
    const text = fc.oneof(
      noise,
      harmed,
      fc.tuple(fc.constantFrom(...GOOD), noise).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(inPieces(text), ({ pieces }) => {
        expect(readWithOurs(pieces).error ?? 'none').toMatch(/^[a-z_]+$/)
      }),
      { numRuns: 1000 },
    )
  })

  it('serves nothing that node:http reads otherwise, or refuses', async () => {
    for (const text of [...GOOD, ...HOSTILE]) await compare(text)
    await fc.assert(fc.asyncProperty(harmed, compare), { numRuns: 1000 })
  })
})

async function compare(text: string): Promise<void> {
  const bytes = bytesOf(text)
  const ours = readWithOurs([bytes]).requests
  const theirs = await readWithNode(bytes)
  expect(theirs.slice(0, ours.length)).toEqual(ours)
}
