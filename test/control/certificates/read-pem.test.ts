import { array, assert, constantFrom, oneof, property, string } from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import {
  MAX_CERTIFICATES,
  readCertificates,
  readPrivateKey,
} from '#control/certificates/read-pem.ts'
import { UploadError } from '#control/certificates/upload-error.ts'
import { openOpensslPki, RSA_2048, type Issued, type OpensslPki } from '#test/openssl-pki.ts'

let pki: OpensslPki
let issued: Issued
beforeAll(async () => {
  pki = await openOpensslPki()
  issued = await pki.issue({ names: ['app.customer.com'] })
})
afterAll(() => pki[Symbol.asyncDispose]())

function problemOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof UploadError) return `${error.problem}: ${error.message}`
    throw error
  }
  return 'none'
}

describe('certificates in PEM', () => {
  const problem = (text: string): string => problemOf(() => readCertificates(text))

  it('are read in order, whatever stands between them', () => {
    const text = `Bag Attributes\r\n  name: x-1\r\n${issued.cert.replaceAll('\n', '\r\n')}# -- \n${issued.cert}`
    expect(readCertificates(text)).toHaveLength(2)
    expect(problem(issued.cert.replaceAll('CERTIFICATE', 'X509 CERTIFICATE'))).toBe('none')
  })

  it('are told from nothing, and from what is none', () => {
    expect(problem(' \n')).toMatch(/^empty: /)
    expect(problem('certificate')).toMatch(/^unreadable: it has no -----BEGIN CERTIFICATE/)
    expect(problem(issued.cert.slice(0, -10))).toMatch(/^unreadable: /)
    expect(problem(issued.cert + issued.key)).toBe(
      'unreadable: block 2 is a PRIVATE KEY, not a CERTIFICATE',
    )
    const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    expect(problem(issued.cert + garbage)).toBe('unreadable: certificate 2 is not X.509')
  })

  it('are bounded in number and in size', () => {
    const many = issued.cert.repeat(MAX_CERTIFICATES)
    expect(problem(many)).toBe('none')
    expect(problem(many + issued.cert)).toMatch(/^unreadable: it has 11 blocks, more than 10/)
    const long = Buffer.alloc(20_000).toString('base64')
    expect(problem(`-----BEGIN CERTIFICATE-----\n${long}\n-----END CERTIFICATE-----`)).toMatch(
      /has 20000 bytes, more than 16384/,
    )
  })

  it('are never anything but read or refused', () => {
    const piece = constantFrom('-----BEGIN ', '-----END ', 'CERTIFICATE', '-----', '\n', 'MII', '-')
    assert(
      property(array(oneof(piece, string()), { maxLength: 60 }), (pieces) => {
        expect(problem(pieces.join(''))).toMatch(/^(empty|unreadable): /)
      }),
    )
  })
})

describe('a private key in PEM', () => {
  const problem = (text: string): string => problemOf(() => readPrivateKey(text))

  it('may be PKCS #8, PKCS #1 or SEC 1', async () => {
    expect(readPrivateKey(issued.key).asymmetricKeyType).toBe('ec')
    const sec1 = await pki.openssl('ec', '-in', '1.key')
    expect(sec1).toContain('BEGIN EC PRIVATE KEY')
    expect(readPrivateKey(sec1).asymmetricKeyType).toBe('ec')
    await pki.openssl('genpkey', ...RSA_2048, '-out', 'rsa.pem')
    const pkcs1 = await pki.openssl('rsa', '-in', 'rsa.pem', '-traditional')
    expect(pkcs1).toContain('BEGIN RSA PRIVATE KEY')
    expect(readPrivateKey(pkcs1).asymmetricKeyType).toBe('rsa')
  })

  it('must not have EC PARAMETERS before it', async () => {
    const both = await pki.openssl('ecparam', '-name', 'prime256v1', '-genkey')
    expect(problem(both)).toBe(
      'key-unusable: it must not have an EC PARAMETERS block: remove that block',
    )
  })

  it('must not have a passphrase', async () => {
    const pkcs8 = await pki.openssl('pkcs8', '-topk8', '-in', '1.key', '-passout', 'pass:x')
    const sec1 = await pki.openssl('ec', '-in', '1.key', '-aes128', '-passout', 'pass:x')
    for (const text of [pkcs8, sec1]) {
      expect(problem(text)).toBe('key-unusable: it is encrypted: remove the passphrase')
    }
  })

  it('must be one key, and no longer than any', () => {
    expect(problem('')).toMatch(/one PEM block.*: has none/)
    expect(problem(issued.key + issued.cert)).toMatch(/has PRIVATE KEY, CERTIFICATE/)
    expect(problem(issued.cert)).toMatch(/it is a CERTIFICATE, not a PRIVATE KEY/)
    expect(problem(issued.key + ' '.repeat(8_192))).toMatch(/characters, more than 8192/)
  })

  it('is never quoted where it cannot be read', () => {
    const secret = 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEH'
    const broken = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`
    expect(problem(broken)).toBe('key-unusable: it is not a private key that can be read')
  })
})
