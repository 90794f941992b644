import type { ServerResponse } from 'node:http'

import { afterEach, describe, expect, it } from 'vitest'

import { http1Client, type Answer } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge, type HttpEdgeOptions } from '#test/http-edge.ts'
import { startOrigin, startRawOrigin, type Origin, type OriginHandler } from '#test/origin.ts'
import { aBinding } from '#test/test-binding.ts'
import { waitUntil } from '#test/wait.ts'

const opened: AsyncDisposable[] = []

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function startPair(
  handler: OriginHandler,
  options: HttpEdgeOptions = {},
): Promise<{ edge: HttpEdge; origin: Origin }> {
  const origin = await startOrigin(handler)
  const edge = await startHttpEdge({ origin: origin.origin, ...options })
  opened.push(origin, edge)
  return { edge, origin }
}

async function ask(edge: HttpEdge, host = HOST): Promise<Answer> {
  using client = http1Client({ port: edge.plainPort, host })
  return await client.request()
}

describe('connections to origins', () => {
  it('are shared by all clients, and by hostnames with the same plain origin', async () => {
    const { edge, origin } = await startPair((_, response) => response.end('x'))
    edge.bindings.set('two.test', aBinding('two.test', { origin: origin.origin }))
    for (const host of [HOST, 'two.test', HOST]) expect((await ask(edge, host)).status).toBe(200)
    expect(origin.connections).toBe(1)
  })

  it('never exceed their bound: requests wait in line', async () => {
    let running = 0
    let most = 0
    const { edge, origin } = await startPair(
      (_, response) => {
        most = Math.max(most, ++running)
        setTimeout(() => {
          running--
          response.end('x')
        }, 5)
      },
      { limits: { maxOriginConnections: 2 } },
    )
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(edge)))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(most).toBe(2)
    expect(origin.connections).toBe(2)
    expect(await edge.metric('custos_edge_upstream_waiting_requests')).toEqual({ '': 0 })
  })

  it('are closed when unused for long, or when too many are idle', async () => {
    const waiting: ServerResponse[] = []
    const { edge, origin } = await startPair((_, response) => void waiting.push(response), {
      limits: { originIdleMs: 150, maxIdleConnections: 2 },
    })
    const answers = Array.from({ length: 4 }, () => ask(edge))
    await waitUntil('all are there', () => waiting.length === 4)
    for (const response of waiting) response.end('x')
    await Promise.all(answers)
    await waitUntil('two are left', () => origin.open === 2)
    await waitUntil('none is left', () => origin.open === 0)
    expect(await edge.metric('custos_edge_upstream_connections')).toEqual({ '': 0 })
  })

  it('are not used for longer than the origin says', async () => {
    const origin = await startRawOrigin((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n')
    })
    const edge = await startHttpEdge({ origin: origin.origin })
    opened.push(origin, edge)
    await ask(edge)
    await ask(edge)
    expect(origin.connections).toBe(2)
  })

  it('end when the client of a waiting request goes away, without harm to others', async () => {
    const waiting: ServerResponse[] = []
    const { edge } = await startPair((_, response) => void waiting.push(response), {
      limits: { maxOriginConnections: 1 },
    })
    const first = ask(edge)
    await waitUntil('the first is there', () => waiting.length === 1)
    const client = http1Client({ port: edge.plainPort, host: HOST })
    const second = client.request().catch(() => 'gone')
    await waitUntil('the second waits', async () => {
      return (await edge.metric('custos_edge_upstream_waiting_requests'))[''] === 1
    })
    client[Symbol.dispose]()
    expect(await second).toBe('gone')
    await waitUntil('its place is free', async () => {
      return (await edge.metric('custos_edge_upstream_waiting_requests'))[''] === 0
    })
    const third = ask(edge)
    waiting[0]?.end('1')
    expect((await first).body).toBe('1')
    await waitUntil('the third is there', () => waiting.length === 2)
    waiting[1]?.end('3')
    expect((await third).body).toBe('3')
  })
})
