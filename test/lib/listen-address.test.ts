import { describe, expect, it } from 'vitest'

import { findCollisions, parseListenAddress, renderListenAddress } from '#lib/listen-address.ts'

describe('a listen address', () => {
  it.each([
    ['0.0.0.0:8443', { host: '0.0.0.0', port: 8443 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ])('is read from %s and written back', (text, address) => {
    expect(parseListenAddress(text)).toEqual(address)
    expect(renderListenAddress(address)).toBe(text)
  })

  it.each([
    '',
    ':80',
    'host',
    'host:',
    'host:http',
    '::1:80',
    '[::1]',
    '[x]:1',
    '1.2.3:1',
    'a b:1',
  ])('is not %j', (text) => {
    expect(() => parseListenAddress(text)).toThrow('must be host:port')
  })
})

describe('findCollisions', () => {
  const address = (text: string): { host: string; port: number } => parseListenAddress(text)
  const collides = (a: string, b: string): boolean =>
    findCollisions({ A: address(a), OFF: undefined, B: address(b) }).length > 0

  it('finds the same port on the same address, or on any address and one', () => {
    expect(collides('10.0.0.1:80', '10.0.0.1:80')).toBe(true)
    expect(collides('0.0.0.0:80', '10.0.0.1:80')).toBe(true)
    expect(collides('[::1]:80', '[::]:80')).toBe(true)
    expect(collides('10.0.0.1:80', '10.0.0.2:80')).toBe(false)
    expect(collides('10.0.0.1:80', '10.0.0.1:81')).toBe(false)
    expect(collides('0.0.0.0:0', '0.0.0.0:0')).toBe(false)
  })

  it('names both', () => {
    const all = { A: address('1.1.1.1:1'), B: undefined, C: address('1.1.1.1:1') }
    expect(findCollisions(all)).toEqual([
      { name: 'C', message: 'must not be the address of A: received 1.1.1.1:1' },
    ])
  })
})
