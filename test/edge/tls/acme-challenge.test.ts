import 'reflect-metadata'
import { createHash, X509Certificate } from 'node:crypto'

import * as x509 from '@peculiar/x509'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { TLS_ALPN_PATH, type WellKnownAnswer } from '#domain/binding.ts'
import { parseHostname } from '#domain/hostname.ts'
import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { helloBytes } from '#test/hello-bytes.ts'
import { rawClient } from '#test/raw-client.ts'
import { sClient, type SClientResult } from '#test/s-client.ts'
import { aBinding, sealedChains } from '#test/test-binding.ts'
import { startTlsEdge, type TestTlsEdge } from '#test/tls-edge.ts'

/**
 * tls-alpn-01 (RFC 8737), as a CA asks for it and as others do. The rule: who offers `acme-tls/1` and
 * nothing else gets the certificate of the name's open challenge or a fatal alert, never a service;
 * and no number of such clients costs more than so many handshakes.
 */
const NAME = 'app.customer.test'
const BODY = 'token-1.thumbprint'
let certificates: DevCertificates

beforeAll(async () => {
  certificates = await makeDevCertificates([NAME, '*.wild.test'])
})

function anAnswer(name: string, change: Partial<WellKnownAnswer> = {}): WellKnownAnswer {
  const hostname = parseHostname(name, { allowReservedTlds: true })
  return { hostname, path: TLS_ALPN_PATH, body: BODY, expiresAt: Date.now() + 60_000, ...change }
}

function ask(port: number, serverName: string | undefined, args: readonly string[] = []) {
  return sClient({ port, serverName, args: ['-alpn', 'acme-tls/1', ...args], input: 'GET /\r\n' })
}

function shown({ text }: SClientResult): x509.X509Certificate {
  return new x509.X509Certificate(
    /-----BEGIN CERTIFICATE-----[^-]+-----END/.exec(text)?.[0] + ' CERTIFICATE-----',
  )
}

/** What the certificate proves: the value of its critical acmeIdentifier extension, in hex. */
function provedBy(result: SClientResult): string {
  const extension = shown(result).getExtension('1.3.6.1.5.5.7.1.31')
  expect(extension?.critical).toBe(true)
  return Buffer.from(extension?.value ?? new ArrayBuffer(0)).toString('hex')
}

const proofOf = (body: string): string => `0420${createHash('sha256').update(body).digest('hex')}`

describe('a tls-alpn-01 challenge', () => {
  let edge: TestTlsEdge

  beforeAll(async () => {
    edge = await startTlsEdge({ defaultHostname: NAME })
    const chains = sealedChains(certificates)
    edge.directory.put(
      aBinding(NAME, { chains }),
      aBinding('new.test', { missing: ['The certificate is being issued.'] }),
      aBinding('quiet.test', { chains }),
      aBinding('wild.test', { chains, wildcard: true }),
    )
    for (const name of [NAME, 'new.test', 'wild.test', 'nobody.test', 'a.wild.test']) {
      edge.directory.answers.push(anAnswer(name))
    }
  })
  beforeEach(() => {
    edge.http1.accepted.length = 0
    edge.http2.accepted.length = 0
  })
  afterAll(() => edge[Symbol.asyncDispose]())

  it.each([
    ['TLS 1.3', '-tls1_3'],
    ['TLS 1.2', '-tls1_2'],
  ])('is answered with the certificate that RFC 8737 wants, in %s', async (_what, version) => {
    const result = await ask(edge.port, NAME, [version])
    expect(result).toMatchObject({ alpn: 'acme-tls/1', alert: undefined })
    expect(provedBy(result)).toBe(proofOf(BODY))
    const certificate = new X509Certificate(shown(result).toString('pem'))
    expect(certificate.subjectAltName).toBe(`DNS:${NAME}`)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.checkIssued(certificate)).toBe(true)
    expect(certificate.validFromDate.getTime()).toBeLessThan(Date.now())
    expect(certificate.validToDate.getTime()).toBeGreaterThan(Date.now())
  })

  it('is answered for a name that has no certificate and is not to be served yet', async () => {
    expect(provedBy(await ask(edge.port, 'NEW.test.'))).toBe(proofOf(BODY))
  })

  it('is answered for a name of 253 characters', async () => {
    const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(56)}.test`
    edge.directory.put(aBinding(long))
    edge.directory.answers.push(anAnswer(long))
    const certificate = shown(await ask(edge.port, long))
    expect(new X509Certificate(certificate.toString('pem')).subjectAltName).toBe(`DNS:${long}`)
  })

  it('is followed by nothing: what the client sends is not answered, and it is counted', async () => {
    const before = await edge.handshakes()
    const result = await ask(edge.port, NAME)
    expect(result.alpn).toBe('acme-tls/1')
    expect([...edge.http1.accepted, ...edge.http2.accepted]).toEqual([])
    const after = await edge.handshakes()
    expect(after['challenge']).toBe((before['challenge'] ?? 0) + 1)
    expect(after['ok']).toBe(before['ok'])
  })

  it('is told of as fetched, with its client', async () => {
    await ask(edge.port, 'new.test')
    expect(edge.sightings.recent()?.filter(({ name }) => name === 'new.test')).toMatchObject([
      {
        kind: 'challenge-fetched',
        hostnameId: 'id-of-new.test',
        detail: 'tls-alpn-01 by 127.0.0.1',
      },
    ])
  })

  it.each([
    ['a name without a challenge', 'quiet.test', 'no-challenge', 'no application protocol'],
    ['a name below a wildcard', 'b.wild.test', 'no-challenge', 'no application protocol'],
    ['a name that has no binding', 'nobody.test', 'unknown-name', 'unrecognized name'],
    [
      'a wildcard’s child without a binding',
      'a.wild.test',
      'no-challenge',
      'no application protocol',
    ],
    ['no name', undefined, 'no-server-name', 'unrecognized name'],
    ['an IP address', '192.0.2.1', 'unknown-name', 'unrecognized name'],
  ])('of %s is refused and counted', async (_what, serverName, result, alert) => {
    const before = (await edge.handshakes())[result] ?? 0
    expect(await ask(edge.port, serverName)).toMatchObject({ alert, version: undefined })
    expect((await edge.handshakes())[result]).toBe(before + 1)
    expect(edge.http1.accepted).toEqual([])
  })

  it('is no answer to who offers other protocols too: the name is served as ever', async () => {
    const args = ['-alpn', 'acme-tls/1,http/1.1']
    const result = await sClient({ port: edge.port, serverName: NAME, args })
    expect(result.alpn).toBe('http/1.1')
    expect(shown(result).getExtension('1.3.6.1.5.5.7.1.31')).toBeNull()
    expect(edge.http1.accepted).toHaveLength(1)
  })

  it('is asked for in exactly this spelling', async () => {
    for (const alpn of ['ACME-TLS/1', 'acme-tls/1.0']) {
      const result = await sClient({ port: edge.port, serverName: NAME, args: ['-alpn', alpn] })
      expect(result.alert).toBe('no application protocol')
    }
  })

  it('while the directory is away gets an internal error, which validators try again', async () => {
    await ask(edge.port, NAME)
    edge.directory.available = false
    const away = await ask(edge.port, NAME)
    edge.directory.available = true
    expect(away.alert).toBe('internal error')
  })
})

describe('the answer to a tls-alpn-01 challenge', () => {
  it('is the newest that was put, from the moment on', async () => {
    await using edge = await startTlsEdge()
    edge.directory.put(aBinding(NAME))
    expect((await ask(edge.port, NAME)).alert).toBe('no application protocol')
    edge.directory.answers.push(anAnswer(NAME))
    expect(provedBy(await ask(edge.port, NAME))).toBe(proofOf(BODY))
    edge.directory.answers[0] = anAnswer(NAME, { body: 'token-2.thumbprint' })
    expect(provedBy(await ask(edge.port, NAME))).toBe(proofOf('token-2.thumbprint'))
    edge.directory.answers.length = 0
    expect((await ask(edge.port, NAME)).alert).toBe('no application protocol')
  })

  it('is one certificate for all who ask within a minute, and then another', async () => {
    const clock = fakeClock(Date.now())
    await using edge = await startTlsEdge({ clock })
    edge.directory.put(aBinding(NAME))
    edge.directory.answers.push(anAnswer(NAME, { expiresAt: clock.now() + 600_000 }))
    const serial = async (): Promise<string> => shown(await ask(edge.port, NAME)).serialNumber
    const first = await serial()
    await clock.advance(59_000)
    expect(await serial()).toBe(first)
    await clock.advance(2_000)
    expect(await serial()).not.toBe(first)
  })
})

describe('a flood of tls-alpn-01 hellos', () => {
  const hello = (serverName: string): Buffer => helloBytes({ serverName, alpn: ['acme-tls/1'] })

  it('for one name is one look-up at a time', async () => {
    await using edge = await startTlsEdge()
    edge.directory.put(aBinding(NAME))
    await edge.bindings.find(aBinding(NAME).hostname)
    const { findAnswer } = edge.directory
    const held: (() => void)[] = []
    edge.directory.findAnswer = async (...args) => {
      await new Promise<void>((resolve) => held.push(resolve))
      return findAnswer(...args)
    }
    const clients = await Promise.all(Array.from({ length: 20 }, () => rawClient(edge.port)))
    for (const client of clients) client.send(hello(NAME))
    await expect.poll(() => edge.listener.halfOpen).toBe(20)
    await expect.poll(() => held.length).toBe(1)
    // More than one would have come by now: each hello is read in the turn in which it arrives.
    for (const go of held) go()
    await Promise.all(clients.map(({ closed }) => closed))
    expect(held).toHaveLength(1)
    const NO_APPLICATION_PROTOCOL = '15030300020278'
    for (const client of clients) {
      expect(client.received().toString('hex')).toBe(NO_APPLICATION_PROTOCOL)
    }
  })

  it('for many names is a bounded number of look-ups', async () => {
    await using edge = await startTlsEdge()
    const names = Array.from({ length: 80 }, (_, at) => `n${at}.test`)
    for (const name of names) {
      edge.directory.put(aBinding(name))
      await edge.bindings.find(aBinding(name).hostname)
    }
    let underWay = 0
    let most = 0
    const held: (() => void)[] = []
    edge.directory.findAnswer = async () => {
      most = Math.max(most, (underWay += 1))
      await new Promise<void>((resolve) => held.push(resolve))
      underWay -= 1
      return undefined
    }
    const clients = await Promise.all(names.map(() => rawClient(edge.port)))
    for (const [at, client] of clients.entries()) client.send(hello(names[at] ?? ''))
    await expect.poll(async () => (await edge.handshakes())['directory-unavailable']).toBe(16)
    expect(most).toBe(64)
    for (const go of held) go()
    await Promise.all(clients.map(({ closed }) => closed))
    expect((await edge.handshakes())['no-challenge']).toBe(64)
  })

  it('for invented names costs one read of the directory each, and no look-up of an answer', async () => {
    await using edge = await startTlsEdge()
    edge.directory.findAnswer = () => Promise.reject(new Error('looked up'))
    for (let i = 0; i < 3; i++) {
      expect((await ask(edge.port, 'invented.test')).alert).toBe('unrecognized name')
    }
    expect(edge.directory.reads).toEqual(['invented.test'])
  })
})
