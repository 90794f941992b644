import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'

import { listenApi } from '#control/api/listen.ts'
import { ListenError } from '#lib/listen-error.ts'

describe('listening', () => {
  it('returns the port that was chosen', async () => {
    await using app = Fastify()
    const address = await listenApi(app, { host: '127.0.0.1', port: 0 })
    expect(address).toEqual({ host: '127.0.0.1', port: expect.any(Number) })
    expect(address.port).toBeGreaterThan(0)
  })

  it('reports a port in use by one clear error', async () => {
    await using first = Fastify()
    const address = await listenApi(first, { host: '127.0.0.1', port: 0 })
    await using second = Fastify()
    const error = await listenApi(second, address).catch((each: unknown) => each)
    const rendered = `127.0.0.1:${address.port}`
    expect(error).toBeInstanceOf(ListenError)
    expect(error).toMatchObject({ kind: 'address-in-use', address })
    expect(String(error)).toBe(
      `ListenError: Cannot listen on ${rendered}: another process has the port`,
    )
  })

  it('reports an address that this machine does not have', async () => {
    await using app = Fastify()
    await expect(listenApi(app, { host: '192.0.2.1', port: 8787 })).rejects.toMatchObject({
      kind: 'address-not-available',
      address: { host: '192.0.2.1', port: 8787 },
    })
  })
})
