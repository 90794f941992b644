import { assert, property, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'

import { parseNameConstraints, permitsNames } from '#control/certificates/name-constraints.ts'

const element = (tag: number, ...contents: Uint8Array[]): Buffer => {
  const content = Buffer.concat(contents)
  const { length } = content
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
const dns = (name: string): Buffer => element(0x30, element(0x82, Buffer.from(name)))
const email = element(0x30, element(0x81, Buffer.from('customer.com')))

describe('name constraints', () => {
  it('are read with lengths of one, two and three bytes', () => {
    const names = ['Customer.com', ...Array.from({ length: 30 }, (_, n) => `n${n}.other.com`)]
    for (const count of [1, 10, 31]) {
      const some = names.slice(0, count)
      const der = element(0x30, element(0xa0, ...some.map(dns)), element(0xa1, dns('x.com')))
      expect(parseNameConstraints(der)).toEqual({
        permitted: some.map((name) => name.toLowerCase()),
        excluded: ['x.com'],
      })
    }
  })

  it('permit any DNS name where they speak of other kinds of names only', () => {
    const constraints = parseNameConstraints(element(0x30, element(0xa0, email)))
    expect(permitsNames(constraints, ['app.other.com'])).toBe(true)
  })

  it('mean a name and all below it', () => {
    const permits = (base: string, name: string): boolean =>
      permitsNames({ permitted: [base], excluded: [] }, [name])
    expect(permits('customer.com', 'customer.com')).toBe(true)
    expect(permits('customer.com', 'a.b.customer.com')).toBe(true)
    expect(permits('customer.com', '*.customer.com')).toBe(true)
    expect(permits('customer.com', 'xcustomer.com')).toBe(false)
    expect(permits('.customer.com', 'a.customer.com')).toBe(true)
    expect(permits('.customer.com', 'customer.com')).toBe(false)
    expect(permits('', 'anything.com')).toBe(true)
  })

  it('exclude before they permit, and must permit every name', () => {
    const constraints = { permitted: ['customer.com'], excluded: ['x.customer.com'] }
    expect(permitsNames(constraints, ['a.customer.com'])).toBe(true)
    expect(permitsNames(constraints, ['a.customer.com', 'x.customer.com'])).toBe(false)
    expect(permitsNames(constraints, ['a.customer.com', 'other.com'])).toBe(false)
  })

  it('that are not DER are refused, and nothing else happens', () => {
    expect(() => parseNameConstraints(Uint8Array.of())).toThrow(RangeError)
    expect(() => parseNameConstraints(Uint8Array.of(0x30, 5, 1))).toThrow(/cut short/)
    expect(() => parseNameConstraints(Uint8Array.of(0x30, 0x84, 0, 0, 0, 1))).toThrow(/length/)
    assert(
      property(uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseNameConstraints(bytes)
        } catch (error) {
          if (!(error instanceof RangeError)) throw error
        }
      }),
    )
  })
})
