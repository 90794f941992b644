import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import type { Exchange } from '#edge/exchange.ts'
import { createHttp1Server } from '#edge/http1/http1-server.ts'
import { resolveHttpLimits } from '#edge/http-limits.ts'
import { systemClock } from '#lib/clock.ts'
import { systemRandom } from '#lib/random.ts'

/** A socket that takes bytes only when told to. */
class HeldSocket extends Duplex {
  readonly #held: (() => void)[] = []

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#held.push(callback)
  }

  takeOne(): void {
    this.#held.shift()?.()
  }
}

/** An exchange whose head has been taken already. */
async function answering(): Promise<{ exchange: Exchange; socket: HeldSocket }> {
  const socket = new HeldSocket()
  const asked = Promise.withResolvers<Exchange>()
  const server = createHttp1Server({
    handle: (exchange) => asked.resolve(exchange),
    clock: systemClock,
    random: systemRandom,
    limits: resolveHttpLimits(),
  })
  server.accept(socket, {
    scheme: 'http',
    remoteAddress: '192.0.2.1',
    remotePort: 50_000,
    localPort: 80,
    tls: undefined,
  })
  socket.push('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
  const exchange = await asked.promise
  exchange.respond({
    status: 200,
    reason: 'OK',
    headers: [],
    bodyLength: 80_000,
    bodiless: false,
    trailers: false,
  })
  await nextTurn()
  socket.takeOne()
  return { exchange, socket }
}

describe('a lent piece of a response', () => {
  it('is given back once the socket has taken it, and not while it waits', async () => {
    const { exchange, socket } = await answering()
    const taken: number[] = []
    for (const id of [1, 2]) exchange.write(Buffer.alloc(40_000), () => taken.push(id))
    await nextTurn()
    expect(taken).toEqual([])
    socket.takeOne()
    await nextTurn()
    expect(taken).toEqual([1])
    socket.takeOne()
    await nextTurn()
    expect(taken).toEqual([1, 2])
    socket.destroy()
  })

  it('is not given back where the connection ended before', async () => {
    const { exchange, socket } = await answering()
    let isTaken = false
    for (let i = 0; i < 2; i++) exchange.write(Buffer.alloc(40_000), () => (isTaken = true))
    socket.destroy()
    await nextTurn()
    expect(isTaken).toBe(false)
  })

  it('completes the response when it was the last', async () => {
    const { exchange, socket } = await answering()
    const closed: boolean[] = []
    exchange.open({
      onRequestData() {},
      onRequestEnd() {},
      onRequestError() {},
      onDrain() {},
      onClose: (completed) => closed.push(completed),
    })
    exchange.write(Buffer.alloc(80_000), () => {})
    exchange.end()
    await nextTurn()
    expect(closed).toEqual([])
    socket.takeOne()
    await nextTurn()
    expect(closed).toEqual([true])
    socket.destroy()
  })
})
