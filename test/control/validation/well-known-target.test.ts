import { isIP } from 'node:net'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { parseRedirect, type WellKnownTarget } from '#control/validation/well-known-target.ts'
import { parseHostname } from '#domain/hostname.ts'

/**
 * Attack: the owner of a hostname answers a validation fetch with a redirect that leads
 * it to a service inside our network. Rule: names only, three ports.
 */
const FROM: WellKnownTarget = {
  scheme: 'http',
  host: parseHostname('app.test', { allowReservedTlds: true }),
  port: 8080,
  path: '/a/b?c',
}

describe('a redirect', () => {
  it.each([
    ['/d', { scheme: 'http', host: 'app.test', port: 8080, path: '/d' }],
    ['?e', { scheme: 'http', host: 'app.test', port: 8080, path: '/a/b?e' }],
    ['//Other.TEST/d#f', { scheme: 'http', host: 'other.test', port: 80, path: '/d' }],
    ['https://app.test', { scheme: 'https', host: 'app.test', port: 443, path: '/' }],
    ['https://app.test:80/', { scheme: 'https', host: 'app.test', port: 80, path: '/' }],
  ])('to %s is followed', (location, target) => {
    expect(parseRedirect(location, FROM, 8080)).toEqual(target)
  })

  it.each([
    ['http://0x7f000001/', 'host'],
    ['http://0177.1/', 'host'],
    ['http://127.1/', 'host'],
    ['http://[::ffff:127.0.0.1]/', 'host'],
    ['http://%31%32%37.0.0.1/', 'host'],
    ['http://１２７.0.0.1/', 'host'],
    ['http://app.test:8081/', 'port'],
    ['http://app.test:0/', 'port'],
    ['javascript:alert(1)', 'form'],
    ['http://a@app.test/', 'form'],
    [`/${'x'.repeat(3_000)}`, 'form'],
  ])('to %s is not', (location, refused) => {
    expect(parseRedirect(location, FROM, 8080)).toEqual({ refused })
  })

  it('never leads to an address literal or another port, whatever is written', () => {
    const host = fc.oneof(
      fc.ipV4Extended(),
      fc.constantFrom('app.test', '[::1]', '127.1', '①②⑦.1', 'localhost:80', '%30.0', 'x@y.test'),
    )
    const built = fc.tuple(host, fc.constantFrom('', ':', ':443', ':22'), fc.string())
    const location = fc.oneof(
      built.map(([name, port, path]) => `${name}${port}/${path}`),
      fc.string(),
    )
    fc.assert(
      fc.property(
        location,
        fc.constantFrom('', 'http://', 'https://', '//', '/\\\\'),
        (text, prefix) => {
          const target = parseRedirect(prefix + text, FROM, 8080)
          if ('refused' in target) return
          expect(isIP(target.host)).toBe(0)
          expect([80, 443, 8080]).toContain(target.port)
          expect(target.path).toMatch(/^\/[\x21-\x7e]*$/)
        },
      ),
    )
  })
})
