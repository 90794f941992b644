import { isDeepStrictEqual } from 'node:util'

import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'

import { createCsr, CsrError, parseCsr } from '#control/ca/csr.ts'
import { generateLeafKey, isLeafKey } from '#control/ca/keys.ts'
import { openssl } from '#test/openssl-command.ts'

let csr: Uint8Array

beforeAll(async () => {
  csr = await createCsr(await generateLeafKey('ecdsa'), ['b.test', 'a.test', '*.a.test'])
})

describe('reading a CSR', () => {
  it('returns its key and its names, each once, sorted', async () => {
    const { names, publicKey } = await parseCsr(csr)
    expect(names).toEqual(['*.a.test', 'a.test', 'b.test'])
    expect(isLeafKey(publicKey, 'ecdsa')).toBe(true)
    expect(isLeafKey(publicKey, 'rsa')).toBe(false)
  })

  it('counts the common name among the names, in lower case', async () => {
    const { names } = await parseCsr(await byOpenssl('/CN=A.Test', 'DNS:b.test'))
    expect(names).toEqual(['a.test', 'b.test'])
  })

  it('refuses names that are not DNS names', async () => {
    const parsing = parseCsr(await byOpenssl('/CN=a.test', 'DNS:a.test,IP:192.0.2.1'))
    await expect(parsing).rejects.toThrow('it asks for a name of type ip, not a DNS name')
  })

  it('refuses more bytes than a request needs', async () => {
    await expect(parseCsr(Buffer.alloc(16_385))).rejects.toThrow('it has 16385 bytes')
  })

  /** Only the wrapping around what is signed can be written in more than one way. */
  it('never reads another name or key from what was changed on the way', async () => {
    const { names, spki } = await parseCsr(csr)
    const change = fc.record({
      at: fc.nat({ max: csr.length - 1 }),
      by: fc.integer({ min: 1, max: 255 }),
    })
    await fc.assert(
      fc.asyncProperty(change, async ({ at, by }) => {
        const changed = Uint8Array.from(csr)
        changed[at] = (changed[at] ?? 0) ^ by
        const read = await parseCsr(changed).then(
          (other) => ({ names: other.names, spki: other.spki }),
          (error: unknown) => error,
        )
        expect(read instanceof CsrError || isDeepStrictEqual(read, { names, spki })).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('refuses arbitrary bytes, with one kind of error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        await expect(parseCsr(bytes)).rejects.toThrow(CsrError)
      }),
      { numRuns: 100 },
    )
  })
})

async function byOpenssl(subject: string, alternativeNames: string): Promise<Uint8Array> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-keyout', 'key.pem']
  const names = ['-subj', subject, '-addext', `subjectAltName=${alternativeNames}`]
  const text = await openssl(['req', '-new', '-batch', '-nodes', ...key, ...names])
  const body = /-----BEGIN CERTIFICATE REQUEST-----([^]+?)-----END/.exec(text)?.[1] ?? ''
  return Buffer.from(body, 'base64')
}
