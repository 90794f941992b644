import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { createSealer, SealingError } from '#lib/sealing.ts'

const KEY = new Uint8Array(32).fill(1)
const OTHER_KEY = new Uint8Array(32).fill(2)
const sealer = createSealer([KEY])
const secret = Buffer.from('a private key')

describe('a sealer', () => {
  it('opens what it sealed, whatever the bytes and the context', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.string(), (plaintext, context) => {
        const opened = sealer.open(sealer.seal(plaintext, context), context)
        expect(Buffer.compare(opened, plaintext)).toBe(0)
      }),
    )
  })

  it('shows nothing of the secret and never seals twice alike', () => {
    const sealed = Buffer.from(sealer.seal(secret, 'id'))
    expect(sealed.includes(secret)).toBe(false)
    expect(sealed.equals(sealer.seal(secret, 'id'))).toBe(false)
  })

  it('does not open what was sealed for another record', () => {
    const sealed = sealer.seal(secret, 'id')
    expect(() => sealer.open(sealed, 'another id')).toThrow(SealingError)
  })

  it('does not open what was changed in any byte', () => {
    const sealed = sealer.seal(secret, 'id')
    for (let index = 0; index < sealed.length; index++) {
      const damaged = new Uint8Array(sealed)
      damaged[index] = (damaged[index] ?? 0) ^ 1
      expect(() => sealer.open(damaged, 'id')).toThrow(SealingError)
    }
  })

  it('does not open what was cut, at any length', () => {
    const sealed = sealer.seal(secret, 'id')
    for (let length = 0; length < sealed.length; length++) {
      expect(() => sealer.open(sealed.subarray(0, length), 'id')).toThrow(SealingError)
    }
  })

  it('opens a view into a larger buffer', () => {
    const sealed = sealer.seal(secret, 'id')
    const larger = Buffer.concat([Buffer.alloc(7), sealed, Buffer.alloc(5)])
    const view = new Uint8Array(larger.buffer, larger.byteOffset + 7, sealed.length)
    expect(String(sealer.open(view, 'id'))).toBe(String(secret))
  })

  it('says which key is missing', () => {
    const sealed = createSealer([OTHER_KEY]).seal(secret, 'id')
    expect(() => sealer.open(sealed, 'id')).toThrow(/unknown secret key [0-9a-f]{8}$/)
  })

  it('seals with the first of several keys and opens with all', () => {
    const rotated = createSealer([OTHER_KEY, KEY])
    expect(String(rotated.open(sealer.seal(secret, 'id'), 'id'))).toBe(String(secret))
    const sealed = rotated.seal(secret, 'id')
    expect(String(createSealer([OTHER_KEY]).open(sealed, 'id'))).toBe(String(secret))
    expect(() => sealer.open(sealed, 'id')).toThrow(SealingError)
  })

  it('refuses to be made without a key, or with one of another length', () => {
    expect(() => createSealer([])).toThrow('no secret key given')
    expect(() => createSealer([KEY, new Uint8Array(31)])).toThrow('32 bytes: received 31')
  })
})
