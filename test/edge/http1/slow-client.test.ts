import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

import { afterEach, describe, expect, it } from 'vitest'

import { readAll, statuses } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge, type HttpEdgeOptions } from '#test/http-edge.ts'
import { startOrigin, type OriginHandler } from '#test/origin.ts'
import { waitUntil } from '#test/wait.ts'

/**
 * The attack: connections that cost the client nothing and the edge a slot: heads and bodies sent a
 * byte now and then, answers never read (Slowloris and kin). The rule: each wait for a client has an
 * end, and what waits is bounded.
 */
const opened: AsyncDisposable[] = []
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function edgeBefore(handler: OriginHandler, options: HttpEdgeOptions): Promise<HttpEdge> {
  const origin = await startOrigin(handler)
  const edge = await startHttpEdge({ origin: origin.origin, ...options })
  opened.push(origin, edge)
  return edge
}

function dial(edge: HttpEdge): Socket {
  const socket = connect(edge.plainPort, '127.0.0.1')
  socket.on('error', () => {})
  sockets.push(socket)
  return socket
}

describe('a client that is slow on purpose', () => {
  it('gets 408 for a head that does not come to an end', async () => {
    const edge = await edgeBefore((_, response) => response.end(), {
      limits: { requestHeadMs: 100 },
    })
    const socket = dial(edge)
    const answer = readAll(socket)
    socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n`)
    const drip = setInterval(() => socket.write('X: y\r\n'), 10)
    expect(await answer).toMatch(/^HTTP\/1.1 408 [\s\S]*X-Custos-Error: header_timeout/)
    clearInterval(drip)
  })

  it('is closed without a word if it never says anything', async () => {
    const edge = await edgeBefore((_, response) => response.end(), {
      limits: { requestHeadMs: 100 },
    })
    expect(await readAll(dial(edge))).toBe('')
  })

  it('gets 408 for a body that stops coming, and the origin is let go', async () => {
    let wasCancelled = false
    const edge = await edgeBefore(
      (request) => {
        request.on('error', () => {})
        request.on('close', () => {
          wasCancelled = true
        })
        request.resume()
      },
      { limits: { requestBodyIdleMs: 100, lingerMs: 50 } },
    )
    const socket = dial(edge)
    const answer = readAll(socket)
    socket.write(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 100\r\n\r\nabc`)
    expect(await answer).toMatch(/^HTTP\/1.1 408 [\s\S]*X-Custos-Error: body_timeout/)
    await waitUntil('the origin is let go', () => wasCancelled)
  })

  it('may send its body slowly as long as it sends', async () => {
    const edge = await edgeBefore(
      (request, response) => {
        request.resume()
        request.on('end', () => response.end('done'))
      },
      { limits: { requestBodyIdleMs: 300 } },
    )
    const socket = dial(edge)
    const answer = readAll(socket)
    socket.write(
      `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 10\r\nConnection: close\r\n\r\n`,
    )
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      socket.write('x')
    }
    expect(statuses(await answer)).toEqual([200])
  })

  it('that never reads is cut off, and holds the origin back meanwhile', async () => {
    let written = 0
    let wasHeldBack = false
    const edge = await edgeBefore(
      (_, response) => {
        const piece = Buffer.alloc(64 * 1024)
        const send = (): void => {
          while (!response.destroyed) {
            written += piece.length
            if (!response.write(piece)) {
              wasHeldBack = true
              response.once('drain', send)
              return
            }
          }
        }
        send()
      },
      { limits: { clientStalledMs: 200 } },
    )
    const socket = dial(edge)
    socket.pause()
    socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    await waitUntil('it was cut off', () => edge.accessLog.length === 1)
    expect(edge.accessLog[0]).toMatchObject({ error: 'client_stalled', status: 200 })
    expect(wasHeldBack).toBe(true)
    // What the kernel holds on both legs, and a little here.
    expect(written).toBeLessThan(32 * 1024 * 1024)
  })

  it('is closed when it stays idle after an answer', async () => {
    const edge = await edgeBefore((_, response) => response.end('x'), {
      limits: { keepAliveMs: 50 },
    })
    const socket = dial(edge)
    socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    socket.resume()
    await once(socket, 'close')
    await waitUntil('it is forgotten', () => edge.protocols.http1.openConnections === 0)
    expect(socket.bytesRead).toBeGreaterThan(0)
  })
})
