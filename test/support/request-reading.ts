import { createServer, type IncomingMessage } from 'node:http'
import { duplexPair } from 'node:stream'

import { AuthorityReader } from '#edge/authority.ts'
import type { Connection } from '#edge/connection.ts'
import { ProxyError } from '#edge/error.ts'
import { readRequestHead, type Http1RequestHead } from '#edge/http1/request-head.ts'
import { RequestParser } from '#edge/http1/request-parser.ts'

/** A request as a parser understood it. */
export interface ReadRequest {
  method: string
  target: string
  headers: string[]
  body: string
  trailers: string[]
}

export interface Reading {
  /** Those that came completely and may be served, up to the first that may not. */
  requests: ReadRequest[]
  /** Why reading ended; undefined: all was read. */
  error: string | undefined
  /** The client may not send another request on this connection. */
  isLast: boolean
}

const CONNECTION: Connection = {
  scheme: 'http',
  remoteAddress: '192.0.2.1',
  remotePort: 50_000,
  localPort: 80,
  tls: undefined,
}

/** What our parser makes of bytes that arrive in these pieces. */
export function readWithOurs(pieces: readonly Buffer[]): Reading {
  const reading: Reading = { requests: [], error: undefined, isLast: false }
  const rules = {
    connection: CONNECTION,
    maxRequestHeaders: 200,
    authorities: new AuthorityReader(),
  }
  let current: ReadRequest
  let head: Http1RequestHead
  const parser = new RequestParser(
    {
      onHead(raw) {
        head = readRequestHead(raw, rules)
        const { method, target, headers } = raw
        current = { method, target, headers, body: '', trailers: [] }
        if (head.problem) throw head.problem
        return head.bodyLength
      },
      onBody(piece) {
        current.body += piece.toString('latin1')
      },
      onComplete(trailers) {
        current.trailers = trailers
        reading.requests.push(current)
        reading.isLast = !head.keepAlive
      },
    },
    4096,
  )
  try {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length && !reading.isLast;) at = parser.step(piece, at)
    }
  } catch (error) {
    // Anything but a refusal is a fault of the parser's.
    if (!(error instanceof ProxyError)) throw error
    reading.error = error.kind
  }
  return reading
}

/** What node:http's parser makes of the same bytes. */
export async function readWithNode(bytes: Buffer): Promise<ReadRequest[]> {
  const requests: ReadRequest[] = []
  const server = createServer({ requireHostHeader: false, maxHeaderSize: 4096 })
  const onRequest = (request: IncomingMessage): void => {
    const { method = '', url = '', rawHeaders } = request
    const read = { method, target: url, headers: rawHeaders, body: '', trailers: [] as string[] }
    request.on('data', (piece: Buffer) => (read.body += piece.toString('latin1')))
    request.on('end', () => {
      read.trailers = request.rawTrailers
      requests.push(read)
    })
  }
  server.on('request', (request, response) => {
    onRequest(request)
    request.on('end', () => response.end())
  })
  for (const event of ['checkContinue', 'checkExpectation'] as const) {
    server.on(event, (request, response) => {
      onRequest(request)
      request.on('end', () => response.end())
    })
  }
  // What stood before the broken part is still delivered.
  server.on('clientError', (_, socket) => setImmediate(() => socket.destroy()))
  const [client, served] = duplexPair()
  served.on('error', () => {})
  client.on('error', () => {})
  const closed = new Promise((resolve) => served.once('close', resolve))
  client.resume()
  server.emit('connection', served)
  client.end(bytes)
  await closed
  return requests
}
