import { once } from 'node:events'
import { connect } from 'node:tls'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'

import { TLS_ALPN_PATH } from '#domain/binding.ts'
import { createHttpProtocols } from '#edge/http-protocols.ts'
import { startWorker, type Worker } from '#edge/worker.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger as logger } from '#lib/log.ts'
import { Metrics, renderMetrics } from '#lib/metrics.ts'
import { systemRandom as random } from '#lib/random.ts'
import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { http1Client, http2Client, readAnswer } from '#test/http-clients.ts'
import { memoryDirectory, type MemoryDirectory } from '#test/memory-directory.ts'
import { startOrigin, type Origin } from '#test/origin.ts'
import { hostname } from '#test/sample-binding.ts'
import { rawClient } from '#test/raw-client.ts'
import { aBinding, sealedChains, testSealer as sealer } from '#test/test-binding.ts'
import { waitUntil } from '#test/wait.ts'

/** One worker in this process, with the real HTTP side and a real origin. */
const NAME = 'app.customer.test'
let certificates: DevCertificates
let held: (() => void)[] = []
const stack: AsyncDisposable[] = []

beforeAll(async () => {
  certificates = await makeDevCertificates([NAME])
})

afterEach(async () => {
  for (const started of stack.splice(0).reverse()) await started[Symbol.asyncDispose]()
  held = []
})

interface Parts {
  worker: Worker
  directory: MemoryDirectory
  metrics: Metrics
  origin: Origin
}

async function start(options: { drainMs?: number; available?: boolean } = {}): Promise<Parts> {
  const { drainMs = 5_000, available = true } = options
  const origin = await startOrigin((request, response) => {
    if (request.url !== '/held') return void response.end(`${request.headers.host}${request.url}`)
    held.push(() => response.end('at last'))
  })
  const directory = memoryDirectory()
  directory.available = available
  directory.put(
    aBinding(NAME, { chains: sealedChains(certificates), origin: origin.origin }),
    aBinding('clear.test', { origin: origin.origin }),
  )
  const metrics = new Metrics()
  const common = { clock: systemClock, random, logger, metrics }
  const local = { host: '127.0.0.1', port: 0 }
  const edge = { accessLog: false, defaultHostname: undefined, cacheBytes: 1e7, drainMs }
  const worker = await startWorker({
    ...common,
    config: { edge, edgeHttps: local, edgeHttp: local },
    version: 'test',
    directory,
    sealer,
    createProtocols: ({ bindings, withPlainRules: withRules }) =>
      createHttpProtocols({ ...common, bindings, withRules }),
  })
  stack.push(origin, worker)
  return { worker, directory, metrics, origin }
}

const secure = (worker: Worker): { port: number; host: string; ca: string } => ({
  port: worker.https.port,
  host: NAME,
  ca: certificates.ca,
})

/** The protocol agreed on, or the code of the error. */
async function shakeHands(worker: Worker, servername: string): Promise<unknown> {
  const ALPNProtocols = ['h2', 'http/1.1']
  const { port } = worker.https
  const rejectUnauthorized = false
  const client = connect({ port, host: '127.0.0.1', servername, ALPNProtocols, rejectUnauthorized })
  try {
    await once(client, 'secureConnect')
    return client.alpnProtocol
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  } finally {
    client.destroy()
  }
}

describe('a worker', () => {
  it('serves HTTP/1.1 and HTTP/2 over TLS, and port 80', async () => {
    const { worker } = await start()
    using one = http1Client(secure(worker))
    expect(await one.request({ path: '/a' })).toMatchObject({ status: 200, body: `${NAME}/a` })
    using two = await http2Client(secure(worker))
    expect(await two.request({ ':path': '/b' })).toMatchObject({ status: 200, body: `${NAME}/b` })
    using plain = http1Client({ port: worker.http.port, host: NAME })
    expect(await plain.request({ path: '/c' })).toMatchObject({
      status: 308,
      headers: { location: `https://${NAME}:${worker.https.port}/c` },
    })
    using clear = http1Client({ port: worker.http.port, host: 'clear.test' })
    expect(await clear.request({ path: '/d' })).toMatchObject({ status: 200, body: 'clear.test/d' })
  })

  it('follows changes: a name appears, changes and goes', async () => {
    const { worker, directory } = await start()
    const serve = (): Promise<unknown> => shakeHands(worker, 'new.test')
    const chains = sealedChains(certificates)
    const fresh = aBinding('new.test', { chains })
    expect(await serve()).toBe('ERR_SSL_TLSV1_UNRECOGNIZED_NAME')
    directory.publish(fresh)
    expect(await serve()).toBe('h2')
    directory.publish({ ...fresh, serial: 2, tls: { ...fresh.tls, http2: false } })
    expect(await serve()).toBe('http/1.1')
    directory.withdraw(fresh.hostname)
    expect(await serve()).toBe('ERR_SSL_TLSV1_UNRECOGNIZED_NAME')
  })

  it('reports what it has applied', async () => {
    const { worker, directory } = await start()
    directory.publish(aBinding('new.test'))
    await waitUntil('the change is reported', () => {
      return (directory.beats.at(-1)?.applied ?? '') >= '000000000001'
    })
    expect(directory.beats.at(-1)).toMatchObject({ edgeId: worker.edgeId, version: 'test' })
  })

  it('reports what it saw: the first handshake with a new chain, and who fetched challenges', async () => {
    const { worker, directory } = await start()
    const [http01, tlsAlpn01] = ['/.well-known/acme-challenge/t', TLS_ALPN_PATH].map((path) => {
      const expiresAt = systemClock.now() + 60_000
      return { hostname: hostname(NAME), path, body: `${path}.thumbprint`, expiresAt }
    })
    directory.answers.push(...[http01, tlsAlpn01].filter((answer) => answer !== undefined))
    using client = http1Client(secure(worker))
    await client.request()
    using plain = http1Client({ port: worker.http.port, host: NAME })
    await plain.request({ path: '/.well-known/acme-challenge/t' })
    const ask = { port: worker.https.port, servername: NAME, ALPNProtocols: ['acme-tls/1'] }
    const ca = connect({ ...ask, host: '127.0.0.1', rejectUnauthorized: false })
    await once(ca.resume(), 'close')
    directory.publish(aBinding('new.test'))
    await waitUntil('all is reported', () => directory.beats.at(-1)?.sightings?.length === 3)
    const hostnameId = `id-of-${NAME}`
    expect(directory.beats.at(-1)?.sightings).toMatchObject([
      { sequence: 1, kind: 'first-handshake', hostnameId, detail: 'ecdsa, TLSv1.3' },
      { sequence: 2, kind: 'challenge-fetched', hostnameId, detail: 'http-01 by 127.0.0.1' },
      { sequence: 3, kind: 'challenge-fetched', hostnameId, detail: 'tls-alpn-01 by 127.0.0.1' },
    ])
  })

  it('starts while the directory is away, and serves when it is back', async () => {
    const { worker, directory } = await start({ available: false })
    const refused = await shakeHands(worker, NAME)
    expect(refused).toBe('ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR')
    directory.available = true
    expect(await shakeHands(worker, NAME)).toBe('h2')
  })

  it('measures handshakes, look-ups, connections and certificates', async () => {
    const { worker, metrics } = await start()
    using client = http1Client(secure(worker))
    await client.request()
    using plain = http1Client({ port: worker.http.port, host: NAME })
    await plain.request()
    const text = await renderMetrics([await metrics.snapshot()])
    expect(text).toMatch(
      /handshakes_total\{result="ok",version="TLSv1.3",key="ecdsa",resumed="false"\} 1/,
    )
    expect(text).toMatch(/custos_edge_connections\{protocol="http\/1.1"\} 2/)
    expect(text).toMatch(/custos_edge_requests_total\{protocol="HTTP\/1.1",status="2xx"\} 1/)
    expect(text).toMatch(/custos_edge_requests_total\{protocol="HTTP\/1.1",status="3xx"\} 1/)
    expect(text).toMatch(/custos_edge_certificates\{key="rsa",days_left="14-30"\} 1/)
    expect(text).toMatch(/custos_edge_certificates\{key="rsa",days_left="expired"\} 0/)
    expect(text).toMatch(/custos_edge_cache_bytes [1-9]/)
    expect(text).toMatch(/custos_edge_lookups_total\{tier="directory"\} 1/)
  })
})

describe('closing a worker', () => {
  it('lets a running exchange end, signs off, and refuses who comes', async () => {
    const { worker, directory } = await start()
    using client = http1Client(secure(worker))
    const answer = client.open({ path: '/held' }).then(readAnswer)
    await waitUntil('the origin has the request', () => held.length === 1)
    const closed = worker.close()
    await expect(rawClient(worker.https.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(rawClient(worker.http.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(directory.left).toEqual([])
    held[0]?.()
    expect(await answer).toMatchObject({ body: 'at last' })
    await closed
    expect(directory.left).toEqual([worker.edgeId])
    expect(worker.close()).toBe(worker.close())
  })

  it('lets who has connected already finish the handshake', async () => {
    const { worker } = await start()
    using early = await rawClient(worker.https.port)
    await waitUntil('it is accepted', () => early.socket.readyState === 'open')
    using settled = http1Client(secure(worker))
    await settled.request()
    const closed = worker.close()
    const client = connect({ socket: early.socket, servername: NAME, ca: certificates.ca })
    await once(client, 'secureConnect')
    client.write(`GET /late HTTP/1.1\r\nHost: ${NAME}\r\n\r\n`)
    const chunks: Buffer[] = []
    client.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(client, 'close')
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 200 [^]*connection: close/i)
    await closed
  })

  it('ends what is left when its time is over', async () => {
    const { worker } = await start({ drainMs: 50 })
    using client = http1Client(secure(worker))
    const answer = client.open({ path: '/held' })
    const failed = Promise.allSettled([answer])
    await waitUntil('the origin has the request', () => held.length === 1)
    await worker.close()
    expect(await failed).toMatchObject([{ status: 'rejected' }])
  })

  it('is over at once when it is asked for a second time, now', async () => {
    const { worker } = await start({ drainMs: 60_000 })
    using client = http1Client(secure(worker))
    const failed = Promise.allSettled([client.open({ path: '/held' })])
    await waitUntil('the origin has the request', () => held.length === 1)
    const patient = worker.close()
    await worker.close({ now: true })
    await patient
    expect(await failed).toMatchObject([{ status: 'rejected' }])
  })
})

describe('a worker that cannot have its port', () => {
  it('closes what it had opened', async () => {
    const { worker } = await start()
    const directory = memoryDirectory()
    const local = { host: '127.0.0.1', port: 0 }
    const edge = { accessLog: false, defaultHostname: undefined, cacheBytes: 1e7, drainMs: 1 }
    const common = { clock: systemClock, random, logger, metrics: new Metrics() }
    const attempt = startWorker({
      ...common,
      config: { edge, edgeHttps: local, edgeHttp: { host: '192.0.2.1', port: 0 } },
      version: 'test',
      directory,
      sealer,
      createProtocols: ({ bindings }) => createHttpProtocols({ ...common, bindings }),
    })
    await expect(attempt).rejects.toMatchObject({ kind: 'address-not-available' })
    expect(directory.watchers).toBe(0)
    expect(worker.https.port).toBeGreaterThan(0)
  })
})
