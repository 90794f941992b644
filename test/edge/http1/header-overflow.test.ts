import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { exchangeRaw, statuses } from '#test/http-clients.ts'
import { HOST, startHttpEdge, type HttpEdge } from '#test/http-edge.ts'
import { startOrigin, type Origin } from '#test/origin.ts'

/**
 * The attack: heads, trailers and chunk extensions without end, to fill memory or to make the edge
 * and the origin see different fields. The rule: a bound for each, a 4xx that says so, and nothing
 * is cut off silently.
 */
let origin: Origin
let edge: HttpEdge
let requests = 0

beforeAll(async () => {
  origin = await startOrigin((request, response) => {
    requests++
    request.resume()
    request.on('end', () => response.end('ok'))
  })
  edge = await startHttpEdge({
    origin: origin.origin,
    limits: { maxRequestHeadBytes: 8192, maxRequestHeaders: 50 },
  })
})

afterAll(async () => {
  await edge[Symbol.asyncDispose]()
  await origin[Symbol.asyncDispose]()
})

function ask(rest: string, line = 'GET / HTTP/1.1'): Promise<string> {
  return exchangeRaw(edge.plainPort, `${line}\r\nHost: ${HOST}\r\nConnection: close\r\n${rest}`)
}

describe('too much of it', () => {
  it('answers 431 to a head over the limit', async () => {
    const raw = await ask(`X-Long: ${'a'.repeat(9000)}\r\n\r\n`)
    expect(raw).toMatch(/^HTTP\/1.1 431 [\s\S]*X-Custos-Error: headers_too_large/)
  })

  it('answers 431 to a target over the limit', async () => {
    expect(statuses(await ask('\r\n', `GET /${'a'.repeat(9000)} HTTP/1.1`))).toEqual([431])
  })

  it('answers 431 to a head that never ends', async () => {
    expect(statuses(await ask('X-Endless: yes\r\n'.repeat(2000)))).toEqual([431])
  })

  it('answers 431 to more fields than the limit, and serves as many as the limit', async () => {
    const fields = (count: number): string => 'X: y\r\n'.repeat(count)
    expect(statuses(await ask(`${fields(48)}\r\n`))).toEqual([200])
    expect(statuses(await ask(`${fields(49)}\r\n`))).toEqual([431])
  })

  it('ends a request whose trailers or chunk extensions are over the limit', async () => {
    const chunked = 'Transfer-Encoding: chunked\r\n\r\n'
    const before = requests
    const trailers = await ask(
      `${chunked}1\r\na\r\n0\r\n${'X: yyyyyyyy\r\n'.repeat(2000)}\r\n`,
      'POST / HTTP/1.1',
    )
    expect(statuses(trailers).every((status) => status >= 400)).toBe(true)
    const extensions = await ask(
      `${chunked}1;${'e'.repeat(100_000)}\r\na\r\n0\r\n\r\n`,
      'POST / HTTP/1.1',
    )
    expect(statuses(extensions).every((status) => status >= 400)).toBe(true)
    expect(requests - before).toBeLessThanOrEqual(2)
    expect(statuses(await ask('\r\n'))).toEqual([200])
  })
})

describe('request bodies over the limit', () => {
  it('answers 413 to a stated length, before asking the origin', async () => {
    await using small = await startHttpEdge({
      origin: origin.origin,
      limits: { maxRequestBodyBytes: 10 },
    })
    const before = requests
    const raw = await exchangeRaw(
      small.plainPort,
      `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 11\r\nConnection: close\r\n\r\n01234567890`,
    )
    expect(raw).toMatch(/^HTTP\/1.1 413 [\s\S]*X-Custos-Error: body_too_large/)
    expect(requests).toBe(before)
  })

  it('answers 413 to a body that turns out too long', async () => {
    await using small = await startHttpEdge({
      origin: origin.origin,
      limits: { maxRequestBodyBytes: 10 },
    })
    const raw = await exchangeRaw(
      small.plainPort,
      `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n` +
        `b\r\n01234567890\r\n0\r\n\r\n`,
    )
    expect(raw).toMatch(/^HTTP\/1.1 413 /)
  })
})
