import { once } from 'node:events'
import { request, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:https'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { freePort } from '#test/ports.ts'
import { tempDir } from '#test/temp-dir.ts'

import { runConnections } from '../../bench/load/connections.ts'
import { SMALL_BODY } from '../../bench/origin.ts'
import { startPinned, waitForPort, type StartedProcess } from '../../bench/processes.ts'
import { verify } from '../../bench/verify.ts'

const HOSTNAME = 'bench.localhost'
let certificates: DevCertificates
let origin: StartedProcess
let originPort: number
const cleanUp = new AsyncDisposableStack()

beforeAll(async () => {
  certificates = await makeDevCertificates([HOSTNAME])
  const directory = cleanUp.use(tempDir())
  originPort = await freePort()
  const program = new URL('../../bench/origin.ts', import.meta.url).pathname
  origin = startPinned(process.execPath, [program, String(originPort)], {
    cores: '0',
    log: `${directory.path}/log`,
  })
  cleanUp.use(origin)
  await waitForPort(originPort, origin)
})

afterAll(() => cleanUp.disposeAsync())

/** A proxy of a few lines, to be bent by each test. */
function proxy(change: (path: string) => string = (path) => path): RequestListener {
  return (incoming, response) => {
    const outgoing = request({
      port: originPort,
      path: change(incoming.url ?? ''),
      headers: {
        host: incoming.headers.host,
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'https',
      },
    })
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(response)
    })
    outgoing.end()
  }
}

async function serve(
  listener: RequestListener,
  chains: readonly ('ecdsa' | 'rsa')[] = ['ecdsa', 'rsa'],
): Promise<{ port: number; ca: string } & AsyncDisposable> {
  const server = createTlsServer(
    {
      cert: chains.map((name) => certificates[name].certPem),
      key: chains.map((name) => certificates[name].keyPem),
    },
    listener,
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    ca: certificates.ca,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

describe('the check before measuring', () => {
  it('finds nothing wrong with a proxy that sends everything on', async () => {
    await using server = await serve(proxy())
    expect(await verify(server, HOSTNAME, ['http/1.1'])).toEqual([])
  })

  it('finds an answer with another body', async () => {
    await using server = await serve(proxy((path) => (path === '/small' ? '/echo' : path)))
    expect(await verify(server, HOSTNAME, ['http/1.1'])).toContain('/small has another body')
  })

  it('finds that the origin was sent another path', async () => {
    await using server = await serve(proxy((path) => `${path}?`))
    expect(await verify(server, HOSTNAME, ['http/1.1'])).toContain(
      'the origin was sent GET /echo? HTTP/1.1',
    )
  })

  it('finds a client that gets the wrong chain', async () => {
    await using server = await serve(proxy(), ['rsa'])
    expect(await verify(server, HOSTNAME, ['http/1.1'])).toContain(
      'a default client got a key of type rsa',
    )
  })

  it('finds a server that does not speak HTTP/2', async () => {
    await using server = await serve(proxy())
    expect((await verify(server, HOSTNAME, ['h2'])).length).toBeGreaterThan(0)
  })
})

describe('the generator of new connections', () => {
  const load = { hostname: HOSTNAME, path: '/small', bodyLength: SMALL_BODY.length }

  it('opens as many as asked, new or resumed, with either key', async () => {
    await using server = await serve(proxy())
    const common = { ...load, port: server.port, connections: 10, concurrency: 3 }
    const full = await runConnections({ ...common, resume: false, keyType: 'rsa' })
    const resumed = await runConnections({ ...common, resume: true, keyType: 'ecdsa' })
    expect(full).toMatchObject({ requests: 10, failures: 0, problems: [] })
    expect(resumed).toMatchObject({ requests: 10, failures: 0, problems: [] })
  })

  it('counts handshakes that fail', async () => {
    await using server = await serve(proxy(), ['ecdsa'])
    const common = { ...load, port: server.port, connections: 5, concurrency: 2 }
    const result = await runConnections({ ...common, resume: false, keyType: 'rsa' })
    expect(result.failures).toBe(5)
    expect(result.problems.join()).toMatch(/handshake failure/)
  })

  it('counts answers that are not 200', async () => {
    await using server = await serve((_, response) => response.writeHead(502).end(SMALL_BODY))
    const common = { ...load, port: server.port, connections: 4, concurrency: 2 }
    const result = await runConnections({ ...common, resume: false, keyType: 'ecdsa' })
    expect(result).toMatchObject({ failures: 4 })
    expect(result.problems.join()).toMatch(/answered HTTP\/1.1 502/)
  })
})
