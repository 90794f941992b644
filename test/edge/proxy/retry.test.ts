import type { Socket } from 'node:net'

import { afterEach, describe, expect, it } from 'vitest'

import { http1Client } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge } from '#test/http-edge.ts'
import { startRawOrigin, type Origin } from '#test/origin.ts'

const opened: AsyncDisposable[] = []
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

/** An origin that keeps each connection for one request, and closes it when the second has come. */
async function forgetful(
  onSecond: (socket: Socket) => void = (socket) => socket.destroy(),
): Promise<{ edge: HttpEdge; origin: Origin; heads: string[] }> {
  const served = new WeakSet<Socket>()
  const heads: string[] = []
  const origin = await startRawOrigin((socket, head) => {
    heads.push(head.split(' ', 2).join(' '))
    if (served.has(socket)) return onSecond(socket)
    served.add(socket)
    socket.write(OK)
  })
  const edge = await startHttpEdge({ origin: origin.origin })
  opened.push(origin, edge)
  return { edge, origin, heads }
}

describe('a kept connection that the origin closes', () => {
  it('costs an idempotent request nothing: it is sent again on a new one', async () => {
    const { edge, origin, heads } = await forgetful()
    using client = http1Client({ port: edge.plainPort, host: HOST })
    await client.request({ path: '/1' })
    for (const method of ['GET', 'DELETE', 'OPTIONS']) {
      expect((await client.request({ method, path: '/2' })).status).toBe(200)
    }
    expect(heads).toEqual(
      [
        'GET /1',
        ['GET /2', 'GET /2'],
        ['DELETE /2', 'DELETE /2'],
        ['OPTIONS /2', 'OPTIONS /2'],
      ].flat(),
    )
    expect(origin.connections).toBe(4)
    expect(await edge.metric('custos_edge_retries_total')).toEqual({ '': 3 })
  })

  it('costs a POST its answer, with a body or without: it may have been acted on', async () => {
    for (const body of ['', 'x']) {
      const { edge, heads } = await forgetful()
      using client = http1Client({ port: edge.plainPort, host: HOST })
      await client.request({ path: '/1' })
      const answer = await client.request({ method: 'POST', path: '/2', body })
      expect(answer.headers['x-custos-error']).toBe('upstream_closed')
      expect(heads).toEqual(['GET /1', 'POST /2'])
    }
  })

  it('is not tried again once a byte of the answer has come', async () => {
    const { edge, heads } = await forgetful((socket) => socket.end('HTTP/1.1 '))
    using client = http1Client({ port: edge.plainPort, host: HOST })
    await client.request({ path: '/1' })
    expect((await client.request({ path: '/2' })).status).toBe(502)
    expect(heads).toEqual(['GET /1', 'GET /2'])
  })

  it('is not tried again after the client’s body was taken', async () => {
    const { edge, heads } = await forgetful()
    using client = http1Client({ port: edge.plainPort, host: HOST })
    await client.request({ path: '/1' })
    const answer = await client.request({ method: 'PUT', path: '/2', body: 'x'.repeat(1000) })
    // Whether the body was taken before the connection broke is a race; never twice with a body.
    expect([200, 502]).toContain(answer.status)
    expect(heads.length).toBeLessThanOrEqual(3)
  })
})

describe('a new connection that the origin closes', () => {
  it('is an error at once: trying again would be asking for the same', async () => {
    let requests = 0
    const origin = await startRawOrigin((socket) => {
      requests++
      socket.destroy()
    })
    const edge = await startHttpEdge({ origin: origin.origin })
    opened.push(origin, edge)
    using client = http1Client({ port: edge.plainPort, host: HOST })
    expect((await client.request()).status).toBe(502)
    expect(requests).toBe(1)
  })
})
