import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { ProxyError } from '#edge/error.ts'
import type { UpstreamHead } from '#edge/upstream/response-head.ts'
import { ResponseParser, type ExpectedResponse } from '#edge/upstream/response-parser.ts'

interface Read {
  informational: number[]
  head: UpstreamHead | undefined
  body: string
  trailers: string[] | undefined
  isComplete: boolean
  consumed: number
}

const PLAIN: ExpectedResponse = { isHead: false, mayUpgrade: false }

/** Feeds the text in the given pieces, then, if asked to, the end of the connection. */
function read(
  pieces: readonly string[],
  { expected = PLAIN, closes = false, maxHeadBytes = 4096 } = {},
): Read {
  const result: Read = {
    informational: [],
    head: undefined,
    body: '',
    trailers: undefined,
    isComplete: false,
    consumed: 0,
  }
  const parser = new ResponseParser(
    {
      onInformational: (status) => void result.informational.push(status),
      onHead: (head) => {
        result.head = head
      },
      onBody: (piece) => {
        result.body += piece.toString('latin1')
      },
      onComplete: (trailers) => {
        result.trailers = trailers
      },
    },
    maxHeadBytes,
  )
  parser.begin(expected)
  for (const piece of pieces) result.consumed += parser.execute(Buffer.from(piece, 'latin1'))
  if (closes) parser.finish()
  result.isComplete = parser.isComplete
  return result
}

function kindOf(action: () => unknown): string | undefined {
  try {
    action()
  } catch (error) {
    return error instanceof ProxyError ? error.kind : String(error)
  }
  return undefined
}

const RESPONSES: Record<string, string> = {
  counted: 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-A: b\r\n\r\nhello world',
  chunked:
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext="a"\r\n world\r\n0\r\n\r\n',
  trailers:
    'HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: Chunked\r\n\r\nb\r\nhello world\r\n000\r\nX-T: 1\r\nX-U:\r\n\r\n',
  informed:
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world',
}

describe('the response parser', () => {
  for (const [what, text] of Object.entries(RESPONSES)) {
    it(`reads a ${what} response the same however it is cut up`, () => {
      const whole = read([text])
      expect(whole).toMatchObject({ body: 'hello world', isComplete: true, consumed: text.length })
      expect(read([...text])).toEqual(whole)
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 8 }),
          (cuts) => {
            const at = [0, ...new Set(cuts.sort((a, b) => a - b)), text.length]
            const pieces = at.slice(1).map((end, i) => text.slice(at[i], end))
            expect(read(pieces)).toEqual(whole)
          },
        ),
        { interruptAfterTimeLimit: 1000 },
      )
    })
  }

  it('reads any chunked body back', () => {
    const chunk = fc.string({ minLength: 1, maxLength: 300, unit: 'binary-ascii' })
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 6 }), (chunks) => {
        const body = chunks.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')
        const text = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}0\r\n\r\n`
        expect(read([text])).toMatchObject({ body: chunks.join(''), isComplete: true })
      }),
      { interruptAfterTimeLimit: 1000 },
    )
  })

  it('never fails in any way but its own, and never takes more than the response', () => {
    const nasty = fc.constantFrom(
      '\r\n',
      '\n',
      '\r',
      ' ',
      ':',
      '0',
      'a',
      'HTTP/1.1 200 OK',
      '\x00',
      ';',
    )
    fc.assert(
      fc.property(fc.array(nasty, { maxLength: 30 }), (parts) => {
        const kind = kindOf(() =>
          read([`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${parts.join('')}`]),
        )
        expect([undefined, 'upstream_bad_response']).toContain(kind)
      }),
      { interruptAfterTimeLimit: 1000 },
    )
  })

  it('stops at the end of the response', () => {
    for (const text of Object.values(RESPONSES)) {
      expect(read([`${text}HTTP/1.1 200 OK\r\n`]).consumed).toBe(text.length)
    }
  })

  it('reads a body without a length until the connection ends', () => {
    const text = 'HTTP/1.1 200 OK\r\n\r\nhello '
    expect(read([text])).toMatchObject({ body: 'hello ', isComplete: false })
    expect(read([text, 'world'], { closes: true })).toMatchObject({
      body: 'hello world',
      isComplete: true,
      head: { bodyLength: -1, keepAlive: false },
    })
  })

  it('takes an end within a counted or chunked body for what it is', () => {
    for (const text of [RESPONSES['counted'], RESPONSES['chunked']]) {
      expect(read([text?.slice(0, -4) ?? ''], { closes: true }).isComplete).toBe(false)
    }
  })

  it('gives no body to HEAD, 204 and 304, whatever they say', () => {
    const head = read(['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'], {
      expected: { isHead: true, mayUpgrade: false },
    })
    expect(head).toMatchObject({ isComplete: true, head: { bodyLength: 5 } })
    for (const status of ['204 No Content', '304 Not Modified']) {
      const result = read([`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nhello`])
      expect(result).toMatchObject({ isComplete: true, body: '' })
    }
  })

  it('knows whether the connection can be used again, and how long', () => {
    const headOf = (lines: string): UpstreamHead | undefined =>
      read([`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${lines}\r\n`]).head
    expect(headOf('')?.keepAlive).toBe(true)
    expect(headOf('Connection: Close\r\n')?.keepAlive).toBe(false)
    expect(headOf('Keep-Alive: timeout=5, max=3\r\n')?.keepAliveHintMs).toBe(5000)
    const old = read(['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n']).head
    expect(old?.keepAlive).toBe(false)
  })

  it('refuses chunk sizes and lines that are not quite right', () => {
    const of = (body: string): (() => Read) => {
      return () => read([`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`])
    }
    for (const body of [
      '5 \r\nhello\r\n0\r\n\r\n',
      '0x5\r\nhello\r\n',
      '-5\r\nhello\r\n',
      '\r\nhello\r\n',
      '5\nhello\r\n',
      '5\r\nhello0\r\n\r\n',
      '5\r\nhello\n0\r\n\r\n',
      'fffffffffffff\r\n',
      `5;${'x'.repeat(2000)}\r\nhello\r\n`,
      '0\r\nbad trailer\r\n\r\n',
      '0\r\nX: a\nY: b\r\n\r\n',
      `0\r\n${'X: y\r\n'.repeat(2000)}\r\n`,
    ]) {
      expect([body, kindOf(of(body))]).toEqual([body, 'upstream_bad_response'])
    }
  })
})
