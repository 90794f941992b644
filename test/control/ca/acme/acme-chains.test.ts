import { X509Certificate } from 'node:crypto'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import type { AcmeIssuer } from '#control/ca/acme/acme-issuer.ts'
import { listAlternates } from '#control/ca/acme/alternate-chains.ts'
import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import type { Chain } from '#domain/certificate.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'
import { answering, handingOut, problem, startFaultyCa, type FaultyCa } from '#test/faulty-ca.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'

import { issue, issuerAt, newHostname, startResponder, type Responder } from './acme-side.ts'

let responder: Responder
let pebble: Pebble
let ca: FaultyCa
const secrets = memorySecrets()
const opened: AcmeIssuer[] = []

beforeAll(async () => {
  responder = await startResponder()
  const env = { PEBBLE_ALTERNATE_ROOTS: '2', PEBBLE_CHAIN_LENGTH: '2' }
  pebble = await startPebble({ httpPort: responder.port, env })
  ca = await startFaultyCa(pebble)
})
afterEach(async () => {
  ca.mend()
  await Promise.all(opened.splice(0).map((issuer) => issuer.close()))
})
afterAll(async () => {
  await ca?.close()
  await pebble?.close()
  await responder?.close()
})

function issueUnder(preferredChain?: string): Promise<Chain> {
  const issuer = issuerAt({ ...ca, secrets, preferredChain })
  opened.push(issuer)
  return issue(issuer, { responder })
}

async function rootNames(): Promise<string[]> {
  const pems = await Promise.all([0, 1, 2].map((index) => pebble.fetchRoot(index)))
  return pems.map((pem) => new X509Certificate(pem).subject.replace('CN=', ''))
}

function topOf({ intermediates }: Chain): string {
  const top = new X509Certificate(intermediates.at(-1) ?? '')
  return top.issuer.replace('CN=', '')
}

describe('the chain of a certificate', () => {
  it('is the CA’s default without a wish', async () => {
    const [standard] = await rootNames()
    const chain = await issueUnder()
    expect(topOf(chain)).toBe(standard)
    expect(chain.intermediates).toHaveLength(2)
    expect(ca.posted.filter(({ path }) => path.includes('/alternate/'))).toEqual([])
  })

  it('ends under the issuer that is wished for', async () => {
    for (const name of await rootNames()) expect(topOf(await issueUnder(name))).toBe(name)
  })

  it('is the default where nobody of that name is at the top', async () => {
    const [standard] = await rootNames()
    expect(topOf(await issueUnder('DST Root CA X3'))).toBe(standard)
  })

  it('is the default where the other cannot be had, or is no chain', async () => {
    const [standard, other] = await rootNames()
    const hasAlternate = (url = ''): boolean => url.includes('/alternate/')
    const away = answering('/', { status: 503, body: problem('serverInternal', 'Maintenance') })
    ca.fault = (...call) => hasAlternate(call[0].url) && away(...call)
    expect(topOf(await issueUnder(other))).toBe(standard)
    ca.fault = undefined
    ca.rewrite = (path, body) => (hasAlternate(path) ? Buffer.from('<html>') : body)
    expect(topOf(await issueUnder(other))).toBe(standard)
  })

  it('is not that of another certificate', async () => {
    const [standard, other] = await rootNames()
    const stranger = await pemOf(await issueUnder(other))
    ca.rewrite = (path, body) => (path.includes('/alternate/') ? Buffer.from(stranger) : body)
    expect(topOf(await issueUnder(other))).toBe(standard)
  })

  it('for another key is told from ours', async () => {
    const hostname = newHostname()
    const { ecdsa } = await makeDevCertificates([hostname])
    ca.rewrite = handingOut(ecdsa.certPem)
    const chain = await issueUnder()
    const privateKey = await createKeyMaker().generate('ecdsa')
    expect(() => createKeyMaker().describe({ chain, privateKey, names: [hostname] })).toThrow(
      'the leaf is for another key',
    )
  })
})

describe('Link headers', () => {
  it('name alternates relative to the certificate, among other links, in both notations', () => {
    const headers = [
      '<https://ca.test/dir>;rel="index"',
      '</cert/1/1>; rel="alternate", <https://ca.test/cert/1/2> ; rel=alternate;title="a, b"',
    ]
    expect(listAlternates(headers, 'https://ca.test/cert/1')).toEqual([
      'https://ca.test/cert/1/1',
      'https://ca.test/cert/1/2',
    ])
  })

  it('are followed a bounded number of times, and nowhere that is no address', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => `</${i}>;rel="alternate"`).join()
    expect(listAlternates([many, '<http://[>;rel="alternate"'], 'https://ca.test/')).toHaveLength(8)
    expect(listAlternates(['<', '<>;rel="alternate"', ';rel=alternate'], 'https://a/')).toEqual([])
  })
})

async function pemOf({ leaf, intermediates }: Chain): Promise<string> {
  return [leaf, ...intermediates].map((der) => new X509Certificate(der).toString()).join('')
}
