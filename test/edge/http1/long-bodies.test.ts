import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { http1Client, http2Client } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge } from '#test/http-edge.ts'
import { startOrigin, type Origin } from '#test/origin.ts'

/**
 * Buffers of long bodies are used again. One that is used again too early would put bytes of one
 * customer's answer into another's: the worst that a proxy can do.
 */
const BODIES = Array.from({ length: 8 }, (_, i) => randomBytes(1_500_000 + i * 77_777))
const DIGESTS = BODIES.map((body) => digestOf(body))

let certificates: DevCertificates
let origin: Origin
let edge: HttpEdge

beforeAll(async () => {
  certificates = await makeDevCertificates([HOST])
  origin = await startOrigin((request, response) => {
    const [, form, index] = (request.url ?? '').split('/')
    const body = BODIES[Number(index)] ?? Buffer.alloc(0)
    if (form === 'counted') return void response.end(body)
    // In chunks of many sizes: several in one read, and one over several reads.
    for (let at = 0, size = 1000; at < body.length; at += size, size = (size * 7) % 200_003) {
      response.write(body.subarray(at, at + size))
      if (at + size >= body.length) break
    }
    response.end()
  })
  edge = await startHttpEdge({ origin: origin.origin, tls: certificates.ecdsa })
})

afterAll(async () => {
  await edge[Symbol.asyncDispose]()
  await origin[Symbol.asyncDispose]()
})

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Reads now and then only, so that writes to it queue up. */
async function readHaltingly(response: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  let pieces = 0
  for await (const piece of response) {
    hash.update(piece as Buffer)
    if (++pieces % 3 === 0) for (let i = 0; i < 10; i++) await nextTurn()
  }
  return hash.digest('hex')
}

describe('long bodies that are under way at once', () => {
  for (const form of ['counted', 'chunked']) {
    it(`are never mixed up, whoever dawdles or goes away: ${form}`, async () => {
      const download = async (index: number, isSecure: boolean): Promise<void> => {
        const port = isSecure ? edge.tlsPort : edge.plainPort
        const ca = isSecure ? { ca: certificates.ca } : {}
        using client = http1Client({ port, host: HOST, ...ca })
        for (let round = 0; round < 3; round++) {
          const response = await client.open({ path: `/${form}/${index}` })
          expect(await readHaltingly(response)).toBe(DIGESTS[index])
        }
      }
      const leave = async (index: number): Promise<void> => {
        for (let round = 0; round < 6; round++) {
          using client = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
          const response = await client.open({ path: `/${form}/${index}` })
          response.on('error', () => {})
          await new Promise((resolve) => response.once('data', resolve))
          response.destroy()
        }
      }
      const indices = BODIES.map((_, index) => index)
      await Promise.all([
        ...indices.map((index) => download(index, index % 2 === 0)),
        ...indices.slice(0, 3).map((index) => leave(index)),
      ])
    })
  }

  it('are never mixed up beside those of HTTP/2', async () => {
    using client = await http2Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    using other = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    const viaHttp1 = async (): Promise<void> => {
      const response = await other.open({ path: '/counted/1' })
      expect(await readHaltingly(response)).toBe(DIGESTS[1])
    }
    const viaHttp2 = [2, 3, 4].map(async (index) => {
      const stream = client.open({ ':path': `/counted/${index}` })
      const pieces: Buffer[] = []
      for await (const piece of stream) pieces.push(piece as Buffer)
      expect(digestOf(Buffer.concat(pieces))).toBe(DIGESTS[index])
    })
    await Promise.all([viaHttp1(), ...viaHttp2])
  })
})
