import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { exchangeRaw, statuses } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge } from '#test/http-edge.ts'
import { startRawOrigin, type Origin } from '#test/origin.ts'

/**
 * The attack: a message that the edge and an origin split at different places, so that part of one
 * client's request is taken for the start of another's. The rule: whatever RFC 9112 lets a recipient
 * read in two ways is answered 400 and the connection closed; nothing of it reaches the origin, and
 * what does reach an origin is framed anew by us.
 */
let origin: Origin
let edge: HttpEdge
const heads: string[] = []

beforeAll(async () => {
  // A lenient victim: it answers each head it sees and never looks at lengths.
  origin = await startRawOrigin((socket, head) => {
    heads.push(head)
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  edge = await startHttpEdge({ origin: origin.origin })
})

afterAll(async () => {
  await edge[Symbol.asyncDispose]()
  await origin[Symbol.asyncDispose]()
})

const SMUGGLED = `GET /smuggled HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`

const REFUSED: Record<string, string> = {
  'Content-Length and Transfer-Encoding': `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'Transfer-Encoding and Content-Length': `Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'two lengths that differ': `Content-Length: 0\r\nContent-Length: 5\r\n\r\n${SMUGGLED}`,
  'two equal lengths': `Content-Length: 0\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`,
  'a list of lengths': `Content-Length: 0, 0\r\n\r\n${SMUGGLED}`,
  'a length with a sign': `Content-Length: +5\r\n\r\nabcde${SMUGGLED}`,
  'a length in hexadecimal': `Content-Length: 0x5\r\n\r\nabcde${SMUGGLED}`,
  'a length of more digits than a number has': `Content-Length: 99999999999999999999\r\n\r\n${SMUGGLED}`,
  'an empty length': `Content-Length:\r\n\r\n${SMUGGLED}`,
  'an unknown transfer coding': `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a coding before chunked': `Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a coding after chunked': `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'chunked twice': `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a vertical tab in the coding': `Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'white space before the colon': `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a folded line': `X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a line that begins with a space': ` Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a bare LF between fields': `X-A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a bare CR in a value': `X-A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a NUL in a value': `X-A: b\x00c\r\n\r\n${SMUGGLED}`,
  'a field without a name': `: b\r\n\r\n${SMUGGLED}`,
  'a field without a colon': `nonsense\r\n\r\n${SMUGGLED}`,
  'a second Host': `Host: other.test\r\n\r\n${SMUGGLED}`,
  'the same Host twice': `Host: ${HOST}\r\n\r\n${SMUGGLED}`,
}

describe('a request that could be read in two ways', () => {
  for (const [what, rest] of Object.entries(REFUSED)) {
    it(`is refused with 400 and the connection closed: ${what}`, async () => {
      const raw = await exchangeRaw(edge.plainPort, `POST / HTTP/1.1\r\nHost: ${HOST}\r\n${rest}`)
      expect(statuses(raw)).toEqual([400])
      expect(raw).toMatch(/\r\nConnection: close\r\n/)
      expect(heads).toEqual([])
    })
  }

  for (const [what, line] of [
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    ['a Host with user information', `GET / HTTP/1.1\r\nHost: a@${HOST}\r\n\r\n`],
    ['a Host with a path', `GET / HTTP/1.1\r\nHost: ${HOST}/x\r\n\r\n`],
    ['a Host with a bad port', `GET / HTTP/1.1\r\nHost: ${HOST}:port\r\n\r\n`],
    [
      'HTTP/1.0 with chunks',
      `POST / HTTP/1.0\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['a bare LF after the request line', `GET / HTTP/1.1\nHost: ${HOST}\r\n\r\n`],
    ['a space in the target', `GET /a b HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`],
    ['a fragment in the target', `GET /a#b HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`],
    ['a control in the target', `GET /a\x01b HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`],
    ['another version', `GET / HTTP/2.0\r\nHost: ${HOST}\r\n\r\n`],
    ['an unknown method', `BREW / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`],
  ] as const) {
    it(`is refused with 400: ${what}`, async () => {
      const raw = await exchangeRaw(edge.plainPort, line)
      expect(statuses(raw)).toEqual([400])
      expect(heads).toEqual([])
    })
  }
})

describe('a request with a broken body', () => {
  for (const [what, body] of [
    ['a chunk size that is no number', 'zz\r\nabc\r\n0\r\n\r\n'],
    ['a negative chunk size', '-3\r\nabc\r\n0\r\n\r\n'],
    ['a chunk longer than its size', '3\r\nabcdef\r\n0\r\n\r\n'],
    ['a bare LF after a chunk size', '3\nabc\r\n0\r\n\r\n'],
    ['a bare LF after chunk data', '3\r\nabc\n0\r\n\r\n'],
    ['a chunk size beyond any number', `${'f'.repeat(20)}\r\nabc\r\n0\r\n\r\n`],
  ] as const) {
    it(`never reaches a second request: ${what}`, async () => {
      heads.length = 0
      const raw = await exchangeRaw(
        edge.plainPort,
        `POST /first HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n${body}${SMUGGLED}`,
      )
      expect(statuses(raw).filter((status) => status !== 400)).toEqual([])
      expect(heads.filter((head) => head.includes('smuggled'))).toEqual([])
    })
  }
})

describe('a request in order', () => {
  it('reaches the origin framed by us, with one length and one Host', async () => {
    heads.length = 0
    const raw = await exchangeRaw(
      edge.plainPort,
      `GET /x HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 0\r\nConnection: close\r\n\r\n`,
    )
    expect(statuses(raw)).toEqual([200])
    const [head = ''] = heads
    expect(head.match(/^host: .*/gim)).toEqual([`Host: ${HOST}`])
    expect(head).not.toMatch(/content-length|transfer-encoding|^connection/im)
  })

  it('keeps its body out of the next request', async () => {
    heads.length = 0
    const body = SMUGGLED
    const raw = await exchangeRaw(
      edge.plainPort,
      `POST /a HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${body.length}\r\n\r\n${body}` +
        `GET /b HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`,
    )
    expect(statuses(raw)).toEqual([200, 200])
    const lines = heads.map((head) => head.split(' ', 2).join(' '))
    // The lenient victim takes the body for a request; we wrote nothing after it on its connection.
    expect(lines.filter((line) => line !== 'GET /smuggled')).toEqual(['POST /a', 'GET /b'])
  })
})
