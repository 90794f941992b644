import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  HostnameError,
  normaliseServerName,
  foldName,
  isWithin,
  parentOf,
  parseHostname,
  registeredDomainOf,
  type HostnameProblem,
  type ParseHostnameOptions,
} from '#domain/hostname.ts'

const LONGEST_LABEL = 'a'.repeat(63)
/** 253 characters: three labels of 63, one of 57, `.com`. */
const LONGEST_NAME = `${[LONGEST_LABEL, LONGEST_LABEL, LONGEST_LABEL, 'b'.repeat(57)].join('.')}.com`
const NORMAL_FORM = /^(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))+$/

function problemOf(value: string, options?: ParseHostnameOptions): HostnameProblem {
  try {
    parseHostname(value, options)
  } catch (error) {
    if (error instanceof HostnameError) return error.problem
    throw error
  }
  throw new Error(`was accepted: ${value}`)
}

describe('parseHostname accepts', () => {
  it.each([
    ['app.customer.com', 'app.customer.com', 'a plain name'],
    ['customer.com', 'customer.com', 'an apex'],
    ['APP.Customer.COM', 'app.customer.com', 'any case'],
    ['app.customer.com.', 'app.customer.com', 'a trailing dot'],
    ['a.b.c.d.e.f.g.customer.co.uk', 'a.b.c.d.e.f.g.customer.co.uk', 'many labels'],
    ['xn--mnchen-3ya.de', 'xn--mnchen-3ya.de', 'an IDN in punycode'],
    ['XN--MNCHEN-3YA.de', 'xn--mnchen-3ya.de', 'punycode in any case'],
    ['xn--fsqu00a.xn--fiqs8s', 'xn--fsqu00a.xn--fiqs8s', 'an IDN top level domain'],
    ['my_app.customer.com', 'my_app.customer.com', 'an underscore'],
    ['_x.customer.com', '_x.customer.com', 'an underscore in front'],
    ['4you.customer.com', '4you.customer.com', 'a digit in front'],
    ['1.2.3.4.customer.com', '1.2.3.4.customer.com', 'an address below a domain'],
    ['r3---x.customer.com', 'r3---x.customer.com', 'hyphens in the third and fourth place'],
    [`${LONGEST_LABEL}.com`, `${LONGEST_LABEL}.com`, 'a label of 63 characters'],
    [LONGEST_NAME, LONGEST_NAME, 'a name of 253 characters'],
    [`${LONGEST_NAME}.`, LONGEST_NAME, 'a name of 253 characters and a trailing dot'],
    ['customer.github.io', 'customer.github.io', 'a name below a private suffix'],
    ['customer.s3.amazonaws.com', 'customer.s3.amazonaws.com', 'below a deep private suffix'],
    ['www.ck', 'www.ck', 'an exception of the public suffix list'],
    ['myexample.com', 'myexample.com', 'a name that only ends like example.com'],
    ['test.customer.com', 'test.customer.com', 'a reserved word that is no top level domain'],
  ])('%s as %s (%s)', (value, expected) => {
    expect(parseHostname(value)).toBe(expected)
  })
})

describe('parseHostname refuses', () => {
  const cases: [value: string, problem: HostnameProblem, why: string][] = [
    ['', 'invalid', 'the empty name'],
    ['.', 'invalid', 'the root'],
    ['..', 'invalid', 'empty labels'],
    ['.customer.com', 'invalid', 'a dot in front'],
    ['app..customer.com', 'invalid', 'two dots'],
    ['app.customer.com..', 'invalid', 'two dots at the end'],
    ['-app.customer.com', 'invalid', 'a hyphen in front'],
    ['app-.customer.com', 'invalid', 'a hyphen at the end'],
    ['app.-.com', 'invalid', 'a hyphen alone'],
    [`${LONGEST_LABEL}a.com`, 'invalid', 'a label of 64 characters'],
    [`a${LONGEST_NAME}`, 'invalid', 'a name of 254 characters'],
    ['a'.repeat(1_000_000), 'invalid', 'a million characters'],
    ['app customer.com', 'invalid', 'a blank'],
    [' app.customer.com', 'invalid', 'a blank in front'],
    ['app.customer.com\n', 'invalid', 'a line end behind'],
    ['app.customer.com\r\nX-Evil: 1', 'invalid', 'a header'],
    ['app.customer.com\0', 'invalid', 'a zero byte'],
    ['app.customer.com/path', 'invalid', 'a path'],
    ['https://app.customer.com', 'invalid', 'a URL'],
    ['app.customer.com:443', 'invalid', 'a port'],
    ['user@customer.com', 'invalid', 'a user'],
    ['app.customer.com?x', 'invalid', 'a query'],
    ['app.cust%6fmer.com', 'invalid', 'percent encoding'],
    ['app\\.customer.com', 'invalid', 'a backslash'],
    ['$(id).customer.com', 'invalid', 'a shell'],
    ["app'.customer.com", 'invalid', 'a quote'],
    ['127.0.0.1', 'invalid', 'an IPv4 address'],
    ['127.0.0.1.', 'invalid', 'an IPv4 address with a trailing dot'],
    ['127.1', 'invalid', 'a short IPv4 address'],
    ['2130706433', 'invalid', 'an IPv4 address as one number'],
    ['0x7f.0.0.1', 'invalid', 'an IPv4 address with hexadecimal parts'],
    ['127.0.0.0x1', 'invalid', 'an IPv4 address that ends hexadecimal'],
    ['0x7F000001', 'invalid', 'an IPv4 address as one hexadecimal number'],
    ['0177.0.0.01', 'invalid', 'an octal IPv4 address'],
    ['customer.0x', 'invalid', 'what a URL parser takes for a number'],
    ['999.999.999.999', 'invalid', 'an impossible IPv4 address'],
    ['::1', 'invalid', 'an IPv6 address'],
    ['[::1]', 'invalid', 'an IPv6 address in brackets'],
    ['::ffff:127.0.0.1', 'invalid', 'an IPv4 address in IPv6'],
    ['fe80::1%eth0', 'invalid', 'an IPv6 address with a zone'],
    ['xn--a.com', 'invalid', 'punycode that decodes to nothing valid'],
    ['xn--.com', 'invalid', 'empty punycode'],
    ['xn--abc-.com', 'invalid', 'punycode with a hyphen at the end'],
    ['xn--www-.com', 'invalid', 'punycode of plain ASCII'],
    ['xn--xn--a--gua.com', 'invalid', 'punycode of punycode'],
    ['*.customer.com', 'wildcard', 'a wildcard'],
    ['app.*.com', 'wildcard', 'a wildcard inside'],
    ['*', 'wildcard', 'a wildcard alone'],
    ['a*b.customer.com', 'wildcard', 'a partial wildcard'],
    ['münchen.de', 'non-ascii', 'raw IDN'],
    ['customer。com', 'non-ascii', 'an ideographic full stop'],
    ['ｃustomer.com', 'non-ascii', 'a full-width letter'],
    ['\u212Aunde.com', 'non-ascii', 'the Kelvin sign, whose lower case is k'],
    ['cust\u00adomer.com', 'non-ascii', 'a soft hyphen'],
    ['customer.com\u200b', 'non-ascii', 'a zero-width blank'],
    ['сustomer.com', 'non-ascii', 'a Cyrillic letter'],
    ['customer.test', 'reserved-tld', 'the reserved .test'],
    ['customer.example', 'reserved-tld', 'the reserved .example'],
    ['customer.invalid', 'reserved-tld', 'the reserved .invalid'],
    ['customer.localhost', 'reserved-tld', 'the reserved .localhost'],
    ['localhost', 'reserved-tld', 'localhost'],
    ['LOCALHOST.', 'reserved-tld', 'localhost however written'],
    ['example.com', 'example-domain', 'example.com'],
    ['app.example.net', 'example-domain', 'a name in example.net'],
    ['APP.EXAMPLE.ORG.', 'example-domain', 'a name in example.org however written'],
    ['com', 'public-suffix', 'a top level domain'],
    ['co.uk', 'public-suffix', 'a public suffix'],
    ['foo.ck', 'public-suffix', 'a public suffix by wildcard'],
    ['github.io', 'public-suffix', 'a private suffix'],
    ['s3.amazonaws.com', 'public-suffix', 'a deep private suffix'],
    ['xn--fiqs8s', 'public-suffix', 'an IDN top level domain alone'],
    ['printer', 'public-suffix', 'a single label'],
    ['customer.notatld', 'public-suffix', 'an unknown top level domain'],
    ['printer.local', 'public-suffix', 'a name of the local network'],
  ]

  it.each(cases)('%.60j as %s (%s)', (value, problem) => {
    expect(problemOf(value)).toBe(problem)
  })

  it('with a message that says the rule and quotes at most 80 characters', () => {
    expect(() => parseHostname('co.uk')).toThrow('is a public suffix: "co.uk"')
    expect(() => parseHostname('com')).toThrow('is a public suffix: "com"')
    expect(() => parseHostname('a.notatld')).toThrow('has no public suffix: "a.notatld"')
    expect(() => parseHostname(`${'a'.repeat(64)}.com`)).toThrow('1 to 63')
    expect(() => parseHostname('x'.repeat(300))).toThrow('at most 253 characters: has 300')
    const message = (() => {
      try {
        return parseHostname(`*.${'é'.repeat(1000)}`)
      } catch (error) {
        return String(error)
      }
    })()
    expect(message.length).toBeLessThan(200)
  })
})

describe('with reserved names permitted, parseHostname', () => {
  const options = { allowReservedTlds: true }

  it.each(['demo.localhost', 'app.customer.test', 'www.example.com', 'a.invalid', 'x.notatld'])(
    'accepts %s',
    (value) => {
      expect(parseHostname(value, options)).toBe(value)
    },
  )

  it.each<[string, HostnameProblem]>([
    ['localhost', 'public-suffix'],
    ['test', 'public-suffix'],
    ['127.0.0.1', 'invalid'],
    ['*.demo.localhost', 'wildcard'],
    ['-.localhost', 'invalid'],
    ['ü.localhost', 'non-ascii'],
  ])('still refuses %s', (value, problem) => {
    expect(problemOf(value, options)).toBe(problem)
  })
})

/** Texts that are near the border between names and not names. */
const nearName = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.stringMatching(/^[a-zA-Z0-9_-]{1,8}$/) },
        fc.constantFrom('xn--mnchen-3ya', 'xn--a', 'com', '0x1', '12', '-', '', '*', 'K', '\u212a'),
        fc.string({ unit: 'binary', maxLength: 3 }),
      ),
      { maxLength: 5 },
    ),
    fc.constantFrom('com', 'co.uk', 'Test', 'github.io', 'localhost', 'example.org', 'x', '1', ''),
    fc.constantFrom('', '.'),
  )
  .map(([labels, suffix, dot]) => [...labels, suffix].join('.') + dot)

function tryParse(value: string, options?: ParseHostnameOptions): string | undefined {
  try {
    return parseHostname(value, options)
  } catch (error) {
    if (error instanceof HostnameError) return undefined
    throw error
  }
}

/** How many of the texts that were tried gave a name; fails where `holds` does not hold of one. */
function countNames(
  texts: fc.Arbitrary<string>,
  holds: (value: string) => boolean | undefined,
): number {
  let names = 0
  const property = fc.property(texts, (value) => {
    const held = holds(value)
    if (held !== undefined) names++
    return held ?? true
  })
  fc.assert(property, { numRuns: 3000 })
  return names
}

describe('whatever comes in', () => {
  it('parseHostname throws HostnameError or gives the normal form, and is idempotent', () => {
    for (const allowReservedTlds of [false, true]) {
      const names = countNames(nearName, (value) => {
        const name = tryParse(value, { allowReservedTlds })
        if (name === undefined) return undefined
        const isNormal = NORMAL_FORM.test(name) && name.length <= 253
        const isSame = name === value.toLowerCase().replace(/\.$/, '')
        return isNormal && isSame && parseHostname(name, { allowReservedTlds }) === name
      })
      expect(names).toBeGreaterThan(50)
    }
  })

  it('normaliseServerName knows every name that parseHostname accepts, by the same form', () => {
    const names = countNames(nearName, (value) => {
      const name = tryParse(value, { allowReservedTlds: true })
      return name === undefined ? undefined : normaliseServerName(value) === name
    })
    expect(names).toBeGreaterThan(50)
  })

  it('normaliseServerName gives nothing, or a name that it leaves as it is', () => {
    const names = countNames(fc.oneof(nearName, fc.string({ unit: 'binary' })), (value) => {
      const name = normaliseServerName(value)
      if (name === undefined) return undefined
      const isSame = name === value.replace(/\.$/, '').toLowerCase()
      const isNormal = name.split('.').every((label) => /^[a-z0-9_-]{1,63}$/.test(label))
      return isSame && isNormal && normaliseServerName(name) === name
    })
    expect(names).toBeGreaterThan(50)
  })
})

describe('normaliseServerName', () => {
  it.each([
    ['App.Customer.COM.', 'app.customer.com'],
    ['localhost', 'localhost'],
    ['com', 'com'],
    ['foo.1a', 'foo.1a'],
    [LONGEST_NAME, LONGEST_NAME],
  ])('takes %s without judging its suffix', (value, expected) => {
    expect(normaliseServerName(value)).toBe(expected)
  })

  it.each([
    '',
    '.',
    'a..b',
    '.a',
    'a.b..',
    '127.0.0.1',
    '2130706433',
    '0x7f000001',
    'a.0X',
    '::1',
    '[::1]',
    '*.customer.com',
    'a b.com',
    'a.com\0',
    'a.com\n',
    '-a.com',
    'a-.com',
    'ü.com',
    '\u212Aunde.com',
    `${LONGEST_LABEL}a.com`,
    `a${LONGEST_NAME}`,
  ])('takes %.40j for nothing we serve', (value) => {
    expect(normaliseServerName(value)).toBeUndefined()
  })

  it('answers at once however hostile the text is', () => {
    const hostile = ['a.'.repeat(126), '-'.repeat(253), `${'a-'.repeat(126)}!`, 'a'.repeat(253)]
    for (const value of hostile) {
      for (let i = 0; i < 1000; i++) normaliseServerName(value)
    }
    expect(hostile.map(normaliseServerName)).toEqual([
      'a.'.repeat(126).slice(0, -1),
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('the family of a name', () => {
  it('has the name without its first label as the base of a wildcard', () => {
    expect(parentOf(parseHostname('a.b.customer.com'))).toBe('b.customer.com')
    const single = normaliseServerName('localhost')
    expect(single && parentOf(single)).toBeUndefined()
  })

  it.each([
    ['customer.com', 'customer.com', true],
    ['a.b.customer.com', 'customer.com', true],
    ['notcustomer.com', 'customer.com', false],
    ['com', 'customer.com', false],
    ['anything', '', true],
  ])('%s is within %j: %s', (name, domain, expected) => {
    expect(isWithin(name, domain)).toBe(expected)
  })

  it('is looked up as it is stored, however it was typed', () => {
    expect(foldName('App.Customer.COM.')).toBe(parseHostname('app.customer.com'))
    expect(foldName('not a name')).toBe('not a name')
  })

  it.each([
    ['a.b.customer.co.uk', 'customer.co.uk'],
    ['shop.customer.github.io', 'customer.github.io'],
    ['customer.com', 'customer.com'],
  ])('has as registered domain of %s %s', (name, domain) => {
    expect(registeredDomainOf(parseHostname(name))).toBe(domain)
  })

  it('has the name itself as registered domain where there is no suffix', () => {
    const name = parseHostname('demo.localhost', { allowReservedTlds: true })
    expect(registeredDomainOf(name)).toBe('demo.localhost')
  })
})
