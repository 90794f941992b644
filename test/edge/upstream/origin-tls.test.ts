import type { TLSSocket } from 'node:tls'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'

import { makeDevCa, type DevCa, type DevCertificates } from '#test/dev-certs.ts'
import { http1Client } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge, type HttpEdgeOptions } from '#test/http-edge.ts'
import { startOrigin, type Origin, type OriginOptions } from '#test/origin.ts'
import { waitUntil } from '#test/wait.ts'

let ca: DevCa
let forOrigin: DevCertificates
let forHost: DevCertificates
const opened: AsyncDisposable[] = []

beforeAll(async () => {
  ca = await makeDevCa()
  forOrigin = await ca.issue(['origin.localhost'])
  forHost = await ca.issue([HOST])
})

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function startPair(
  originOptions: OriginOptions,
  edgeOptions: HttpEdgeOptions = {},
): Promise<{ edge: HttpEdge; origin: Origin }> {
  const origin = await startOrigin((request, response) => {
    response.end(String(Reflect.get(request.socket, 'servername')))
  }, originOptions)
  const edge = await startHttpEdge({
    origin: origin.origin,
    originRoots: [ca.ca],
    ...edgeOptions,
  })
  opened.push(origin, edge)
  return { edge, origin }
}

async function ask(edge: HttpEdge): Promise<{ body: string; error: unknown }> {
  using client = http1Client({ port: edge.plainPort, host: HOST })
  const { body, headers } = await client.request()
  return { body, error: headers['x-custos-error'] }
}

describe('TLS with the origin', () => {
  it('sends the hostname of the request and accepts a certificate for the origin’s own host', async () => {
    const { edge } = await startPair({ tls: forOrigin.ecdsa, host: 'origin.localhost' })
    expect((await ask(edge)).body).toBe(HOST)
  })

  it('accepts a certificate for the name that was sent', async () => {
    const { edge } = await startPair({ tls: forHost.rsa, host: 'other.localhost' })
    expect((await ask(edge)).body).toBe(HOST)
  })

  it('sends the name that the binding says', async () => {
    const { edge } = await startPair({
      tls: forOrigin.ecdsa,
      host: 'other.localhost',
      serverName: 'origin.localhost',
    })
    expect((await ask(edge)).body).toBe('origin.localhost')
  })

  it('refuses a certificate for neither name', async () => {
    const { edge } = await startPair({ tls: forOrigin.ecdsa, host: 'other.localhost' })
    expect((await ask(edge)).error).toBe('upstream_certificate')
  })

  it('refuses a certificate of a CA that is not trusted', async () => {
    const { edge } = await startPair(
      { tls: forOrigin.ecdsa, host: 'origin.localhost' },
      { originRoots: [] },
    )
    expect((await ask(edge)).error).toBe('upstream_certificate')
  })

  it('refuses an expired certificate', async () => {
    const day = 86_400_000
    const now = Date.now()
    const expired = await ca.issue(['origin.localhost'], {
      notBefore: now - 2 * day,
      notAfter: now - day,
    })
    const { edge } = await startPair({ tls: expired.ecdsa, host: 'origin.localhost' })
    expect((await ask(edge)).error).toBe('upstream_certificate')
  })

  it('resumes its session on the next connection, and still checks the name', async () => {
    const waiting: (() => void)[] = []
    const origin = await startOrigin(
      (request, response) => {
        const isReused = (request.socket as TLSSocket).isSessionReused()
        waiting.push(() => response.end(String(isReused)))
      },
      { tls: forOrigin.ecdsa, host: 'origin.localhost' },
    )
    const edge = await startHttpEdge({ origin: origin.origin, originRoots: [ca.ca] })
    opened.push(origin, edge)
    const first = ask(edge)
    await waitUntil('the first is there', () => waiting.length === 1)
    waiting[0]?.()
    expect((await first).body).toBe('false')
    // Two at once: one on the kept connection, one on a new one.
    const both = Promise.all([ask(edge), ask(edge)])
    await waitUntil('both are there', () => waiting.length === 3)
    for (const answer of waiting) answer()
    expect((await both).map(({ body }) => body).sort()).toEqual(['false', 'true'])
  })
})
