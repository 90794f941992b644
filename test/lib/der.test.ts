import { X509Certificate } from 'node:crypto'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { encodeDer, encodeTime, readNotBefore, TAG } from '#lib/der.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'

describe('the start of a certificate’s validity', () => {
  it('is read as OpenSSL reads it', async () => {
    const { ecdsa, rsa } = await makeDevCertificates(['app.customer.test'])
    for (const { chain } of [ecdsa, rsa]) {
      for (const der of [chain.leaf, ...chain.intermediates]) {
        expect(readNotBefore(der)).toBe(new X509Certificate(der).validFromDate.getTime())
      }
    }
  })

  it('is undefined for every beginning of one, and for any other bytes, in bounded time', async () => {
    const { leaf } = (await makeDevCertificates(['app.customer.test'])).ecdsa.chain
    const whole = readNotBefore(leaf)
    for (let length = 0; length < leaf.length; length++) {
      expect([whole, undefined]).toContain(readNotBefore(leaf.subarray(0, length)))
    }
    expect(readNotBefore(leaf.subarray(0, 40))).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        readNotBefore(noise)
        readNotBefore(Uint8Array.of(0x30, 0x82, 0x01, 0x00, ...noise))
        readNotBefore(Uint8Array.of(...leaf.subarray(0, 30), ...noise))
      }),
    )
  })
})

describe('a time in a certificate', () => {
  it.each([
    [Date.UTC(2049, 11, 31, 23, 59, 59), TAG.utcTime, '491231235959Z'],
    [Date.UTC(2050, 0, 1), TAG.generalizedTime, '20500101000000Z'],
  ])('has two digits of the year until 2049 (%i)', (at, tag, text) => {
    expect(encodeTime(at)).toEqual(Buffer.concat([Buffer.of(tag, text.length), Buffer.from(text)]))
  })

  it('comes back as it was written', () => {
    const empty = encodeDer(TAG.sequence)
    const time = fc.integer({ min: 0, max: 7e9 })
    fc.assert(
      fc.property(time, (second) => {
        const validity = encodeDer(TAG.sequence, encodeTime(second * 1000))
        const toBeSigned = encodeDer(TAG.sequence, empty, empty, empty, validity)
        expect(readNotBefore(encodeDer(TAG.sequence, toBeSigned))).toBe(second * 1000)
      }),
    )
  })
})

describe('a DER element', () => {
  it.each([
    [127, '7f'],
    [128, '8180'],
    [255, '81ff'],
    [256, '820100'],
    [4_500, '821194'],
  ])('of %i bytes says its length in the shortest form', (length, hex) => {
    const element = encodeDer(TAG.octetString, Buffer.alloc(length))
    expect(element.subarray(1, element.length - length).toString('hex')).toBe(hex)
  })
})
