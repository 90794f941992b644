import { createPublicKey, generateKeyPairSync } from 'node:crypto'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { findPemBlocks, renderPem } from '#lib/pem.ts'

describe('PEM', () => {
  it('is written as OpenSSL writes and reads it', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = renderPem(publicKey.export({ type: 'spki', format: 'der' }), 'PUBLIC KEY')
    expect(pem).toBe(publicKey.export({ type: 'spki', format: 'pem' }))
    expect(createPublicKey(pem).equals(publicKey)).toBe(true)
  })

  it('gives back the bytes that were written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (der) => {
        const [block] = findPemBlocks(`; comment\r\n${renderPem(der)}`)
        expect(block).toMatchObject({ label: 'CERTIFICATE', text: renderPem(der).trimEnd() })
        expect(new Uint8Array(Buffer.from(block?.base64 ?? '', 'base64'))).toEqual(der)
      }),
    )
  })

  it.each([
    ['an end of another kind', '-----BEGIN A-----\nAAAA\n-----END B-----'],
    ['no end', '-----BEGIN A-----\nAAAA\n'],
    ['a label without end', `-----BEGIN ${'A'.repeat(41)}-----\nAAAA\n-----END`],
  ])('has no block with %s', (_, pem) => {
    expect(findPemBlocks(pem)).toEqual([])
  })

  it('has blocks of several kinds, in order', () => {
    const pem = renderPem(Buffer.from('a'), 'EC PARAMETERS') + renderPem(Buffer.from('b'))
    expect(findPemBlocks(pem).map(({ label }) => label)).toEqual(['EC PARAMETERS', 'CERTIFICATE'])
  })
})
