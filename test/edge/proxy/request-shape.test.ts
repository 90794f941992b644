import { afterEach, beforeAll, describe, expect, it } from 'vitest'

import type { Exchange } from '#edge/exchange.ts'
import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { exchangeRaw, http2Client } from '#test/http-clients.ts'
import { HOST, startHttpEdge } from '#test/http-edge.ts'
import { startOrigin } from '#test/origin.ts'

let certificates: DevCertificates
const opened: AsyncDisposable[] = []

beforeAll(async () => {
  certificates = await makeDevCertificates([HOST])
})

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

/** What the engine optimises for: objects of one kind have the same fields in the same order. */
describe('an exchange', () => {
  it('keeps its shape from creation to end, in both protocols', async () => {
    const shapes: [string, string[]][] = []
    const seen: [string, Exchange][] = []
    const origin = await startOrigin((request, response) => {
      request.resume()
      request.on('end', () => response.end('x'))
    })
    const edge = await startHttpEdge({
      origin: origin.origin,
      tls: certificates.ecdsa,
      withRules: (next) => (exchange) => {
        seen.push([exchange.httpVersion, exchange])
        shapes.push([exchange.httpVersion, Object.keys(exchange)])
        next(exchange)
      },
    })
    opened.push(origin, edge)
    const end = 'Connection: close\r\n\r\n'
    await exchangeRaw(edge.plainPort, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n${end}`)
    await exchangeRaw(
      edge.plainPort,
      `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1\r\n${end}x`,
    )
    await exchangeRaw(edge.plainPort, `GET / HTTP/1.1\r\n${end}`)
    using client = await http2Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    await client.request()
    await client.request({ ':method': 'POST' }, 'body')
    for (const version of ['1.1', '2']) {
      const kinds = new Set(shapes.filter(([of]) => of === version).map(([, keys]) => keys.join()))
      expect([version, kinds.size]).toEqual([version, 1])
    }
    expect(seen.map(([of, exchange]) => [of, Object.keys(exchange)])).toEqual(shapes)
  })
})
