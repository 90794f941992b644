import { createServer, type Socket } from 'node:net'
import { once } from 'node:events'

import { describe, expect, it } from 'vitest'

import { inspectTlsChallenge } from '#control/validation/tls-challenge.ts'
import type { ChallengeFinding } from '#control/lifecycle/inspector.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import {
  makeAcmeTlsCertificate,
  startAcmeTlsServer,
  type AcmeTlsCertificate,
} from '#test/acme-tls-server.ts'
import { aName, fakeAuthority } from '#test/fake-authority.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { freePort } from '#test/ports.ts'

/** Real TLS servers on loopback answer, each with one mistake. */
const never = new AbortController().signal
const KEY_AUTHORIZATION = 'token.thumbprint'

function inspect(
  port: number,
  addresses: { A?: string[]; AAAA?: string[] } = { A: ['127.0.0.1'] },
  clock: Clock = systemClock,
): Promise<ChallengeFinding> {
  const { A = 'nodata', AAAA = 'nodata' } = addresses
  const resolver = fakeAuthority({ servers: { a: { 'A app.test': A, 'AAAA app.test': AAAA } } })
  const challenge = {
    type: 'tls-alpn-01' as const,
    identifier: 'app.test',
    hostname: aName('app.test'),
    url: 'https://ca.test/1',
    token: 'token',
    keyAuthorization: KEY_AUTHORIZATION,
  }
  return inspectTlsChallenge(challenge, { resolver, clock, port }, never)
}

const problem = (sentence: string): ChallengeFinding => ({ isReady: false, problem: sentence })

describe('the look at tls-alpn-01', () => {
  it('is content with the right certificate, having asked as RFC 8737 says', async () => {
    const right = await makeAcmeTlsCertificate({ keyAuthorization: KEY_AUTHORIZATION })
    await using server = await startAcmeTlsServer(right)
    expect(await inspect(server.port)).toEqual({ isReady: true })
    expect(server.hellos).toEqual(['app.test acme-tls/1'])
  })

  it.each<[AcmeTlsCertificate, string]>([
    [{ keyAuthorization: 'token.other' }, 'shows the acmeIdentifier of another challenge.'],
    [{}, 'shows a certificate without the acmeIdentifier extension.'],
    [
      { keyAuthorization: KEY_AUTHORIZATION, critical: false },
      'shows an acmeIdentifier extension that is not critical.',
    ],
    [
      { keyAuthorization: KEY_AUTHORIZATION, names: ['other.test'] },
      'shows a certificate that is not for app.test alone.',
    ],
    [
      { keyAuthorization: KEY_AUTHORIZATION, names: ['app.test', 'b.test'] },
      'shows a certificate that is not for app.test alone.',
    ],
    [
      { keyAuthorization: KEY_AUTHORIZATION, names: [] },
      'shows a certificate that is not for app.test alone.',
    ],
  ])('refuses %j', async (options, flaw) => {
    await using server = await startAcmeTlsServer(await makeAcmeTlsCertificate(options))
    expect(await inspect(server.port)).toEqual(problem(`app.test (127.0.0.1) ${flaw}`))
  })

  it('refuses a server that does not speak the protocol', async () => {
    const right = await makeAcmeTlsCertificate({ keyAuthorization: KEY_AUTHORIZATION })
    for (const ALPNProtocols of [['h2'], undefined]) {
      await using server = await startAcmeTlsServer({ ...right, ALPNProtocols })
      expect(await inspect(server.port)).toEqual(
        problem(`app.test (127.0.0.1) does not speak acme-tls/1 on port ${server.port}.`),
      )
    }
  })

  it('says that a port is closed', async () => {
    const port = await freePort()
    expect(await inspect(port)).toEqual(
      problem(`app.test (127.0.0.1) refused the connection on port ${port}.`),
    )
  })

  it('says that somebody speaks no TLS', async () => {
    await using server = await startRaw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    expect(await inspect(server.port)).toEqual(
      problem(`app.test (127.0.0.1) did not complete a TLS handshake on port ${server.port}.`),
    )
  })

  it('says that somebody hangs up', async () => {
    await using server = await startRaw((socket) => socket.once('data', () => socket.end()))
    expect(await inspect(server.port)).toMatchObject({ isReady: false })
  })

  it('waits for nobody for ever', async () => {
    const clock = fakeClock()
    const heard = Promise.withResolvers<void>()
    await using server = await startRaw((socket) => socket.once('data', () => heard.resolve()))
    const looking = inspect(server.port, { A: ['127.0.0.1'] }, clock)
    await heard.promise
    await clock.advance(10_000)
    expect(await looking).toEqual(
      problem(`app.test (127.0.0.1) did not answer on port ${server.port} in time.`),
    )
    expect(clock.nextDue()).toBeUndefined()
  })

  it('fails a name with a stray AAAA record, and says which address it was', async () => {
    const right = await makeAcmeTlsCertificate({ keyAuthorization: KEY_AUTHORIZATION })
    const stray = await makeAcmeTlsCertificate({})
    await using server = await startAcmeTlsServer(right)
    await using other = await startAcmeTlsServer(stray, { address: '::1', port: server.port })
    expect(other.port).toBe(server.port)
    expect(await inspect(server.port, { A: ['127.0.0.1'], AAAA: ['::1'] })).toEqual(
      problem(
        'app.test (::1) shows a certificate without the acmeIdentifier extension. Its A record is right: remove or correct the AAAA record.',
      ),
    )
  })

  it('knocks at no address that only means something inside', async () => {
    expect(await inspect(443, { A: ['169.254.169.254'], AAAA: ['fe80::1'] })).toEqual(
      problem('app.test has the address fe80::1, which is link-local: the CA cannot reach it.'),
    )
  })
})

async function startRaw(
  onConnection: (socket: Socket) => void,
): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
