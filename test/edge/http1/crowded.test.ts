import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

import { afterEach, describe, expect, it } from 'vitest'

import { readAll } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge } from '#test/http-edge.ts'
import { startOrigin } from '#test/origin.ts'
import { waitUntil } from '#test/wait.ts'

/**
 * The attack: more silent connections than there are places, so that nobody else gets in; on port 80
 * that would keep the CA's look at a challenge out. The rule: who waits for longest gives way to who
 * comes; who is being answered does not.
 */
const opened: AsyncDisposable[] = []
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function dial(edge: HttpEdge): Promise<Socket> {
  const socket = connect(edge.plainPort, '127.0.0.1')
  socket.on('error', () => {})
  sockets.push(socket)
  const before = edge.protocols.http1.openConnections
  await once(socket, 'connect')
  await waitUntil('it was accepted', () => {
    return socket.destroyed || edge.protocols.http1.openConnections !== before || before === 3
  })
  return socket
}

describe('a room full of connections', () => {
  it('lets the one that waited for longest give way to a request', async () => {
    const origin = await startOrigin((_, response) => response.end('served'))
    const edge = await startHttpEdge({ origin: origin.origin, limits: { maxConnections: 3 } })
    opened.push(origin, edge)
    const [oldest, second] = [await dial(edge), await dial(edge), await dial(edge)]
    const gone = once(oldest, 'close')
    const newcomer = await dial(edge)
    newcomer.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
    expect(await readAll(newcomer)).toMatch(/^HTTP\/1.1 200 [\s\S]*served/)
    await gone
    expect(second.destroyed).toBe(false)
    expect((await edge.metric('custos_edge_errors_total'))['overloaded,internal']).toBe(1)
  })

  it('keeps what is being answered, and turns newcomers away when nobody waits', async () => {
    const held: { end(text: string): void }[] = []
    const origin = await startOrigin((_, response) => void held.push(response))
    const edge = await startHttpEdge({ origin: origin.origin, limits: { maxConnections: 1 } })
    opened.push(origin, edge)
    const busy = await dial(edge)
    const answer = readAll(busy)
    busy.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
    await waitUntil('the origin was asked', () => held.length === 1)
    const newcomer = connect(edge.plainPort, '127.0.0.1')
    newcomer.on('error', () => {})
    await once(newcomer, 'close')
    for (const response of held) response.end('served')
    expect(await answer).toMatch(/^HTTP\/1.1 200 /)
  })

  it('gives an id to a request that is refused before it is one, and counts it', async () => {
    const edge = await startHttpEdge()
    opened.push(edge)
    const socket = await dial(edge)
    socket.write(`GET / HTTP/1.1\r\nHost : ${HOST}\r\n\r\n`)
    expect(await readAll(socket)).toMatch(
      /^HTTP\/1.1 400 [\s\S]*\r\nX-Request-Id: [0-9a-f-]{36}\r\n/,
    )
    expect((await edge.metric('custos_edge_requests_total'))['HTTP/1.1,4xx']).toBe(1)
  })
})
