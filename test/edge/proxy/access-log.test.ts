import { afterEach, describe, expect, it } from 'vitest'

import type { Exchange } from '#edge/exchange.ts'
import { createAccessLog, type AccessRecord } from '#edge/proxy/access-log.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { http1Client } from '#test/http-clients.ts'
import { HOST, startHttpEdge } from '#test/http-edge.ts'
import { startOrigin } from '#test/origin.ts'
import { waitUntil } from '#test/wait.ts'

const opened: AsyncDisposable[] = []

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

describe('the access log', () => {
  it('says of each request who, what, how long and how much, without the query', async () => {
    const certificates = await makeDevCertificates([HOST])
    const origin = await startOrigin((request, response) => {
      request.resume()
      request.on('end', () => response.writeHead(201).end('12345'))
    })
    const edge = await startHttpEdge({ origin: origin.origin, tls: certificates.ecdsa })
    opened.push(origin, edge)
    using client = http1Client({ port: edge.tlsPort, host: HOST, ca: certificates.ca })
    for (let i = 0; i < 2; i++) {
      await client.request({
        method: 'POST',
        path: '/a/b?token=secret',
        body: 'abc',
        headers: { 'X-Request-Id': `id-${i}` },
      })
    }
    await waitUntil('both are logged', () => edge.accessLog.length === 2)
    expect(edge.accessLog[0]).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      request_id: 'id-0',
      host: HOST,
      method: 'POST',
      path: '/a/b',
      status: 201,
      bytes_in: 3,
      bytes_out: 5,
      duration_ms: expect.any(Number),
      upstream_connect_ms: expect.any(Number),
      upstream_head_ms: expect.any(Number),
      upstream_reused: false,
      protocol: 'HTTP/1.1',
      client: '127.0.0.1',
      client_port: expect.any(Number),
      scheme: 'https',
      tls: 'TLSv1.3',
      tls_resumed: false,
    })
    expect(edge.accessLog[1]).toMatchObject({ request_id: 'id-1', upstream_reused: true })
    expect(await edge.metric('custos_edge_body_bytes_total')).toEqual({ in: 6, out: 10 })
    expect(await edge.metric('custos_edge_requests_total')).toMatchObject({ 'HTTP/1.1,2xx': 2 })
    expect(await edge.metric('custos_edge_open_requests')).toEqual({ '': 0 })
    expect(await edge.metric('custos_edge_upstream_idle_connections')).toEqual({ '': 1 })
  })

  it('writes in batches, and never two at once', async () => {
    const clock = fakeClock()
    const written: string[] = []
    let release = (): void => {}
    const log = createAccessLog({
      clock,
      flushMs: 100,
      write: (lines) => {
        written.push(lines)
        return new Promise<void>((resolve) => {
          release = resolve
        })
      },
    })
    log.log(aRecord('/1'))
    log.log(aRecord('/2'))
    expect(written).toEqual([])
    await clock.advance(100)
    expect(written).toHaveLength(1)
    expect(pathsOf(written)).toEqual(['/1', '/2'])
    log.log(aRecord('/3'))
    await clock.advance(1000)
    expect(written).toHaveLength(1)
    release()
    await clock.advance(100)
    expect(pathsOf(written)).toEqual(['/1', '/2', '/3'])
  })

  it('drops and counts what comes faster than it can be written', async () => {
    const clock = fakeClock()
    const written: string[] = []
    const log = createAccessLog({
      clock,
      maxBuffered: 1000,
      write: (lines) => {
        written.push(lines)
      },
    })
    for (let i = 0; i < 100; i++) log.log(aRecord('/'))
    await log.close()
    expect(pathsOf(written).length + log.dropped).toBe(100)
    expect(log.dropped).toBeGreaterThan(90)
  })

  it('counts what could not be written, and goes on', async () => {
    const clock = fakeClock()
    let fails = true
    const written: string[] = []
    const log = createAccessLog({
      clock,
      flushMs: 10,
      write: (lines) => {
        if (fails) throw new Error('disk full')
        written.push(lines)
      },
    })
    log.log(aRecord('/lost'))
    await clock.advance(10)
    expect(log.dropped).toBe(1)
    fails = false
    log.log(aRecord('/kept'))
    await clock.advance(10)
    expect(pathsOf(written)).toEqual(['/kept'])
  })

  it('includes the query where told to', async () => {
    const written: string[] = []
    const write = (lines: string): void => void written.push(lines)
    const log = createAccessLog({ clock: fakeClock(), withQuery: true, write })
    log.log(aRecord('/a?b'))
    await log.close()
    expect(pathsOf(written)).toEqual(['/a?b'])
  })
})

function pathsOf(written: readonly string[]): string[] {
  return written
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).path)
}

function aRecord(path: string): AccessRecord {
  const exchange: Partial<Exchange> = {
    method: 'GET',
    path,
    authority: HOST,
    httpVersion: '1.1',
    bytesIn: 0,
    bytesOut: 0,
    connection: {
      scheme: 'http',
      remoteAddress: '::1',
      remotePort: 1,
      localPort: 2,
      tls: undefined,
    },
  }
  return {
    exchange: exchange as Exchange,
    requestId: 'r',
    status: 200,
    startedAt: 0,
    finishedAt: 5,
    connectMs: 1,
    upstreamHeadMs: 2,
    upstreamReused: false,
    error: undefined,
  }
}
