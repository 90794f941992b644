import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  OriginError,
  parseOrigin,
  renderOrigin,
  type Origin,
  type OriginProblem,
  type ParseOriginOptions,
} from '#domain/origin.ts'

function problemOf(value: string, options?: ParseOriginOptions): OriginProblem {
  try {
    parseOrigin(value, options)
  } catch (error) {
    if (error instanceof OriginError) return error.problem
    throw error
  }
  throw new Error(`was accepted: ${value}`)
}

const https = (host: string, port = 443): Origin => ({ scheme: 'https', host, port })
const http = (host: string, port = 80): Origin => ({ scheme: 'http', host, port })

describe('parseOrigin reads', () => {
  it.each([
    ['origin.saas.com', https('origin.saas.com')],
    ['origin.saas.com:8443', https('origin.saas.com', 8443)],
    ['https://origin.saas.com', https('origin.saas.com')],
    ['https://origin.saas.com:1', https('origin.saas.com', 1)],
    ['http://origin.saas.com', http('origin.saas.com')],
    ['http://origin.saas.com:65535', http('origin.saas.com', 65_535)],
    ['http://origin.saas.com:443', http('origin.saas.com', 443)],
    ['https://origin.saas.com:80', https('origin.saas.com', 80)],
    ['HTTPS://Origin.SaaS.com.:443/', https('origin.saas.com')],
    ['origin.saas.com:0443', https('origin.saas.com')],
  ])('%s', (value, expected) => {
    expect(parseOrigin(value)).toEqual(expected)
  })

  it.each([
    ['127.0.0.1:3000', https('127.0.0.1', 3000)],
    ['http://10.1.2.255', http('10.1.2.255')],
    ['https://[::1]:8443', https('::1', 8443)],
    ['[2001:DB8::1]', https('2001:db8::1')],
    ['http://[::ffff:192.0.2.1]', http('::ffff:192.0.2.1')],
  ])('the operator’s %s', (value, expected) => {
    expect(parseOrigin(value, { allowIpAddress: true })).toEqual(expected)
  })

  it.each([
    ['localhost:3000', https('localhost', 3000)],
    ['http://backend', http('backend')],
    ['http://Web_1:8080', http('web_1', 8080)],
    ['origin.saas.test', https('origin.saas.test')],
  ])('%s where reserved names are permitted', (value, expected) => {
    expect(parseOrigin(value, { allowReservedTlds: true })).toEqual(expected)
  })
})

describe('parseOrigin refuses', () => {
  it.each<[string, OriginProblem]>([
    ['', 'form'],
    ['/', 'form'],
    ['https://', 'form'],
    [':443', 'form'],
    ['ftp://origin.saas.com', 'form'],
    ['//origin.saas.com', 'form'],
    ['origin.saas.com:', 'form'],
    ['origin.saas.com:http', 'form'],
    ['origin.saas.com:-1', 'form'],
    ['origin.saas.com:1:2', 'form'],
    ['origin.saas.com:9999999999', 'form'],
    ['origin.saas.com/path', 'form'],
    ['https://origin.saas.com//', 'form'],
    ['https://origin.saas.com/?a', 'form'],
    ['origin.saas.com#x', 'form'],
    ['user@origin.saas.com', 'form'],
    ['https://user:secret@origin.saas.com', 'form'],
    ['origin.saas.com other.com', 'form'],
    [' origin.saas.com', 'form'],
    ['origin.saas.com\n', 'form'],
    ['https://[::1', 'form'],
    ['::1', 'form'],
    ['[fe80::1%eth0]', 'form'],
    ['origin.saas.com:0', 'port'],
    ['origin.saas.com:65536', 'port'],
    ['origin.saas.com:999999999', 'port'],
    ['127.0.0.1', 'ip-address'],
    ['999.1.1.1', 'ip-address'],
    ['[::1]:443', 'ip-address'],
    ['127.1', 'invalid'],
    ['0x7f.1', 'invalid'],
    ['2130706433', 'invalid'],
    ['origin_.-saas.com', 'invalid'],
    ['a\\b.saas.com', 'invalid'],
    ['*.saas.com', 'wildcard'],
    ['ümlaut.saas.com', 'non-ascii'],
    ['localhost', 'reserved-tld'],
    ['origin.test', 'reserved-tld'],
    ['origin.example.com', 'example-domain'],
    ['co.uk', 'public-suffix'],
    ['backend', 'public-suffix'],
  ])('%j as %s', (value, problem) => {
    expect(problemOf(value)).toBe(problem)
  })

  it.each(['[:::]', '[1.2.3.4]', '256.1.1.1', '010.0.0.1', '[1::2::3]', '[12345::]'])(
    '%s, which is no address, from the operator too',
    (value) => {
      expect(problemOf(value, { allowIpAddress: true, allowReservedTlds: true })).toBe('ip-address')
    },
  )

  it('single labels that are numbers, however much is permitted', () => {
    const options = { allowIpAddress: true, allowReservedTlds: true }
    expect(problemOf('2130706433', options)).toBe('invalid')
    expect(problemOf('0x7f000001', options)).toBe('invalid')
  })

  it('with the rule and the value, cut to what a page can show', () => {
    expect(() => parseOrigin('ftp://x')).toThrow(
      'must be host, host:port, https://host[:port] or http://host[:port]: "ftp://x"',
    )
    expect(() => parseOrigin('a.saas.com:70000')).toThrow('from 1 to 65535: received 70000')
    expect(() => parseOrigin(`user@${'x'.repeat(1e6)}`)).toThrow(/^.{1,180}$/)
  })
})

describe('renderOrigin', () => {
  it.each([
    ['https://origin.saas.com:443', 'origin.saas.com'],
    ['http://origin.saas.com:80', 'http://origin.saas.com'],
    ['http://origin.saas.com:443', 'http://origin.saas.com:443'],
    ['https://[::1]:8443', '[::1]:8443'],
    ['[2001:db8::1]', '[2001:db8::1]'],
  ])('writes %s as %s', (value, expected) => {
    expect(renderOrigin(parseOrigin(value, { allowIpAddress: true }))).toBe(expected)
  })

  it('is undone by parseOrigin', () => {
    const options = { allowIpAddress: true, allowReservedTlds: true }
    const origins = fc.record({
      scheme: fc.constantFrom('http' as const, 'https' as const),
      host: fc.constantFrom('origin.saas.com', 'backend', '127.0.0.1', '::1', '2001:db8::1'),
      port: fc.oneof(fc.constantFrom(80, 443), fc.integer({ min: 1, max: 65_535 })),
    })
    const property = fc.property(origins, (origin) => {
      const again = parseOrigin(renderOrigin(origin), options)
      return (
        again.scheme === origin.scheme && again.host === origin.host && again.port === origin.port
      )
    })
    expect(fc.check(property).counterexample).toBeNull()
  })
})
