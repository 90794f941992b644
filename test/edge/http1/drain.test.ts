import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'

import { afterEach, describe, expect, it } from 'vitest'

import { http1Client, readAll, readAnswer, statuses } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge } from '#test/http-edge.ts'
import { startOrigin, type OriginHandler } from '#test/origin.ts'
import { waitUntil } from '#test/wait.ts'

const opened: AsyncDisposable[] = []

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function edgeBefore(handler: OriginHandler, drainFreshMs = 100): Promise<HttpEdge> {
  const origin = await startOrigin(handler)
  const edge = await startHttpEdge({ origin: origin.origin, limits: { drainFreshMs } })
  opened.push(origin, edge)
  return edge
}

describe('draining HTTP/1.1', () => {
  it('closes idle connections at once', async () => {
    const edge = await edgeBefore((_, response) => response.end('x'))
    using client = http1Client({ port: edge.plainPort, host: HOST })
    await client.request()
    await edge.protocols.http1.drain(new AbortController().signal)
    expect(edge.protocols.http1.openConnections).toBe(0)
  })

  it('lets a running request end, and says Connection: close', async () => {
    let waiting: ServerResponse | undefined
    const edge = await edgeBefore((_, response) => {
      waiting = response
    })
    using client = http1Client({ port: edge.plainPort, host: HOST })
    const answer = client.open()
    await waitUntil('the origin was asked', () => waiting !== undefined)
    const drained = edge.protocols.http1.drain(new AbortController().signal)
    waiting?.end('late')
    const response = await answer
    expect(response.headers.connection).toBe('close')
    expect((await readAnswer(response)).body).toBe('late')
    await drained
  })

  it('serves the first request of a connection that was just made', async () => {
    const edge = await edgeBefore((_, response) => response.end('x'), 5000)
    const socket = connect(edge.plainPort, '127.0.0.1')
    await waitUntil('it is there', () => edge.protocols.http1.openConnections === 1)
    const drained = edge.protocols.http1.drain(new AbortController().signal)
    const answer = readAll(socket)
    socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    expect(statuses(await answer)).toEqual([200])
    await drained
  })

  it('closes a connection that was made and never used', async () => {
    const edge = await edgeBefore((_, response) => response.end('x'), 50)
    const socket = connect(edge.plainPort, '127.0.0.1')
    socket.resume()
    await waitUntil('it is there', () => edge.protocols.http1.openConnections === 1)
    await edge.protocols.http1.drain(new AbortController().signal)
    if (!socket.destroyed) await once(socket, 'close')
    expect(socket.destroyed).toBe(true)
  })

  it('ends what is left when told to, and resolves once', async () => {
    const edge = await edgeBefore(() => {})
    using client = http1Client({ port: edge.plainPort, host: HOST })
    const answer = client.request()
    answer.catch(() => {})
    await waitUntil('it is there', () => edge.protocols.http1.openConnections === 1)
    const end = new AbortController()
    const drained = edge.protocols.http1.drain(end.signal)
    expect(edge.protocols.http1.drain(end.signal)).toBe(drained)
    end.abort()
    await drained
    await expect(answer).rejects.toThrow(/hang up|reset/i)
  })
})
