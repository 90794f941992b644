import { createPrivateKey, X509Certificate } from 'node:crypto'

import { beforeAll, describe, expect, it } from 'vitest'

import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import { KEY_ALGORITHMS, type Chain } from '#domain/certificate.ts'
import { makeDevCa, type DevCa, type DevCertificates } from '#test/dev-certs.ts'
import { openssl } from '#test/openssl-command.ts'

const keyMaker = createKeyMaker()
const NAMES = ['app.customer.test', '*.app.customer.test']

let ca: DevCa
let made: DevCertificates

beforeAll(async () => {
  ca = await makeDevCa()
  made = await ca.issue(NAMES)
})

describe('making keys', () => {
  it.each([
    ['ecdsa' as const, 'ec', { namedCurve: 'prime256v1' }],
    ['rsa' as const, 'rsa', { modulusLength: 2048, publicExponent: 65_537n }],
  ])('makes an %s key as PKCS #8', async (algorithm, type, details) => {
    const der = await keyMaker.generate(algorithm)
    const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
    expect(key.asymmetricKeyType).toBe(type)
    expect(key.asymmetricKeyDetails).toEqual(details)
    expect(await keyMaker.generate(algorithm)).not.toEqual(der)
  })

  it.each(KEY_ALGORITHMS)('makes a request that openssl verifies: %s', async (keyAlgorithm) => {
    const privateKey = await keyMaker.generate(keyAlgorithm)
    const csr = await keyMaker.createCsr({ privateKey, keyAlgorithm, names: NAMES })
    const args = ['req', '-inform', 'DER', '-in', 'csr.der', '-noout', '-verify', '-text']
    const text = await openssl(args, { 'csr.der': csr })
    expect(text).toContain('verify OK')
    expect(text).toContain('DNS:app.customer.test, DNS:*.app.customer.test')
    expect(text).toMatch(/Signature Algorithm: (ecdsa-with-SHA256|sha256WithRSAEncryption)/)
  })
})

describe('reading a chain', () => {
  it.each([
    ['ecdsa' as const, 'ECDSAWithSHA256'],
    ['rsa' as const, 'SHA256WithRSA'],
  ])('tells what openssl tells of the %s leaf', async (algorithm, signature) => {
    const { chain, pkcs8, certPem, notBefore, notAfter } = made[algorithm]
    const found = keyMaker.describe({ chain, privateKey: pkcs8, names: NAMES })
    const options = ['-noout', '-serial', '-fingerprint', '-sha256', '-issuer']
    const text = await openssl(['x509', '-in', 'cert.pem', ...options], { 'cert.pem': certPem })
    const fingerprint = /Fingerprint=([0-9A-F:]+)/.exec(text)?.[1]?.replaceAll(':', '')
    expect(found).toEqual({
      issuer: /CN = (.+)/.exec(text)?.[1],
      serialNumber: /serial=(\w+)/.exec(text)?.[1]?.toLowerCase(),
      signature,
      fingerprintSha256: fingerprint?.toLowerCase(),
      hosts: NAMES,
      notBefore,
      notAfter,
    })
  })

  it('refuses a chain for another key', () => {
    const { chain } = made.ecdsa
    const wrong = { chain, privateKey: made.rsa.pkcs8, names: NAMES }
    expect(() => keyMaker.describe(wrong)).toThrow(refusal('the leaf is for another key'))
  })

  it('refuses a chain that lacks a name', () => {
    const { chain, pkcs8: privateKey } = made.rsa
    const wrong = { chain, privateKey, names: [...NAMES, 'shop.customer.test'] }
    expect(() => keyMaker.describe(wrong)).toThrow(
      refusal('the leaf does not cover shop.customer.test'),
    )
  })

  it('refuses a chain that does not link up', async () => {
    const stranger = await makeDevCa()
    const other = await stranger.issue(NAMES)
    const cases: [readonly Uint8Array[], string][] = [
      [made.rsa.chain.intermediates, 'certificate 1 is not signed by the next'],
      [other.ecdsa.chain.intermediates, 'certificate 1 is not signed by the next'],
      [[made.ecdsa.chain.leaf], "certificate 2 is not a CA's"],
      [
        Array.from({ length: 9 }, () => made.ecdsa.chain.leaf),
        'it has 10 certificates, more than 8',
      ],
    ]
    for (const [intermediates, reason] of cases) {
      const chain: Chain = { leaf: made.ecdsa.chain.leaf, intermediates }
      const describe = () =>
        keyMaker.describe({ chain, privateKey: made.ecdsa.pkcs8, names: NAMES })
      expect(describe).toThrow(refusal(reason))
    }
  })

  it('refuses bytes that are no certificate', () => {
    const chain = { leaf: Buffer.from('garbage'), intermediates: [] }
    const read = () => keyMaker.describe({ chain, privateKey: made.rsa.pkcs8, names: NAMES })
    expect(read).toThrow(refusal('a certificate cannot be read'))
  })
})

describe('development certificates', () => {
  it.each(KEY_ALGORITHMS)(
    'verify with openssl against the exported roots: %s',
    async (algorithm) => {
      const { certPem } = made[algorithm]
      const files = { 'ca.pem': made.ca, 'chain.pem': certPem }
      const args = [
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-verify_hostname',
        'x.app.customer.test',
        '-CAfile',
        'ca.pem',
      ]
      const text = await openssl([...args, '-untrusted', 'chain.pem', 'chain.pem'], files)
      expect(text).toContain('chain.pem: OK')
    },
  )

  it('can be expired', async () => {
    const { ecdsa } = await ca.issue(['old.test'], {
      notBefore: Date.UTC(2026, 0, 1),
      notAfter: Date.UTC(2026, 1, 1),
    })
    expect(new X509Certificate(ecdsa.certPem).validToDate).toEqual(new Date('2026-02-01T00:00:00Z'))
  })
})

function refusal(reason: string): object {
  const message = `The chain that the CA sent cannot be used: ${reason}.`
  return expect.objectContaining({ name: 'IssuerError', kind: 'rejected', message })
}
