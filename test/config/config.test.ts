import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Config } from '#config/config.ts'
import { SETTINGS } from '#config/settings.ts'
import { loadWith, loadWithFile, mistakesOf } from '#test/load-config.ts'

const SECRET = Buffer.alloc(32, 's').toString('base64')

const configOf = (env: Record<string, string>): Config => loadWith({ env }).config

const mistakeIn = (env: Record<string, string>): string =>
  mistakesOf(() => configOf(env))
    .map(({ name, message }) => `${name}: ${message}`)
    .join('\n')

describe('defaults', () => {
  it('are those of the contract', () => {
    const { config, warnings } = loadWith({})
    expect(warnings).toEqual([])
    expect(config).toEqual({
      dataDir: './data',
      edgeHttps: { host: '0.0.0.0', port: 8443 },
      edgeHttp: { host: '0.0.0.0', port: 8080 },
      control: { host: '127.0.0.1', port: 8787 },
      edgeAdmin: undefined,
      databaseUrl: undefined,
      redisUrl: undefined,
      workers: 4,
      apiToken: undefined,
      secretKeys: undefined,
      firstZone: { name: 'default', fallbackOrigin: undefined, cnameTarget: undefined },
      cas: [{ kind: 'local', leafLifetimeMs: 365 * 86_400_000 }],
      dnsServers: [],
      dnsRoots: [],
      validationHttpPort: 80,
      validationTlsPort: 443,
      edgePrefixes: [],
      dcvZone: undefined,
      dnsServer: undefined,
      allowReservedTlds: false,
      allowPrivateAddresses: true,
      revokeOnRemoval: false,
      customCertificateRoots: [],
      logLevel: 'info',
      edge: {
        accessLog: false,
        defaultHostname: undefined,
        cacheBytes: 256 * 1024 * 1024,
        drainMs: 30_000,
        originRoots: [],
      },
    })
  })

  it('cannot be changed once loaded, at any depth', () => {
    const { config } = loadWith({ env: { CUSTOS_SECRET_KEY: SECRET } })
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.edgeHttps)).toBe(true)
    expect(Object.isFrozen(config.firstZone)).toBe(true)
    expect(Object.isFrozen(config.secretKeys)).toBe(true)
    expect(() => Object.assign(config.edge, { drainMs: 1 })).toThrow(TypeError)
  })

  it('hold for a variable that is empty, as in a compose file', () => {
    expect(configOf({ CUSTOS_REDIS_URL: '', CUSTOS_EDGE_HTTP: '  ' })).toEqual(loadWith({}).config)
  })
})

describe('each variable', () => {
  it('sets what it names', () => {
    const config = configOf({
      CUSTOS_DATA_DIR: '/var/lib/custos',
      CUSTOS_EDGE_HTTPS: '[::]:443',
      CUSTOS_EDGE_HTTP: 'localhost:0',
      CUSTOS_CONTROL: '10.0.0.1:9000',
      CUSTOS_EDGE_ADMIN: '127.0.0.1:9100',
      CUSTOS_REDIS_URL: 'rediss://user:secret@redis.internal:6380/2',
      CUSTOS_WORKERS: '7',
      CUSTOS_API_TOKEN: 'a-token-of-some-length',
      CUSTOS_SECRET_KEY: SECRET,
      CUSTOS_ZONE: 'saasprovider.com',
      CUSTOS_FALLBACK_ORIGIN: 'http://127.0.0.1:3000',
      CUSTOS_CNAME_TARGET: 'Customers.SaaS.Test.',
      CUSTOS_CA: 'local',
      CUSTOS_LOCAL_CA_LEAF_LIFETIME: '10m',
      CUSTOS_DNS_SERVERS: '192.0.2.1, 127.0.0.1:5353,[2001:db8::1]:54,[::1]',
      CUSTOS_DNS_ROOTS: '192.0.2.1,[2001:db8::1]:54',
      CUSTOS_VALIDATION_HTTP_PORT: '8080',
      CUSTOS_VALIDATION_TLS_PORT: '8443',
      CUSTOS_EDGE_PREFIXES: '192.0.2.0/24, 2001:DB8:0::/48,198.51.100.7',
      CUSTOS_DCV_ZONE: 'dcv.saas.test',
      CUSTOS_ALLOW_RESERVED_TLDS: 'true',
      CUSTOS_PRIVATE_ADDRESSES: 'deny',
      CUSTOS_REVOKE_ON_REMOVAL: 'true',
      CUSTOS_LOG_LEVEL: 'DEBUG',
      CUSTOS_EDGE_ACCESS_LOG: 'on',
      CUSTOS_EDGE_DEFAULT_HOSTNAME: 'www.saas.test',
      CUSTOS_EDGE_CACHE_BYTES: '1GiB',
      CUSTOS_EDGE_DRAIN: '90s',
      CUSTOS_EDGE_PUBLIC_HTTPS_PORT: '443',
    })
    expect(config).toEqual({
      dataDir: '/var/lib/custos',
      edgeHttps: { host: '::', port: 443 },
      edgeHttp: { host: 'localhost', port: 0 },
      control: { host: '10.0.0.1', port: 9000 },
      edgeAdmin: { host: '127.0.0.1', port: 9100 },
      databaseUrl: undefined,
      redisUrl: 'rediss://user:secret@redis.internal:6380/2',
      workers: 7,
      apiToken: 'a-token-of-some-length',
      secretKeys: [new Uint8Array(32).fill(115)],
      firstZone: {
        name: 'saasprovider.com',
        fallbackOrigin: 'http://127.0.0.1:3000',
        cnameTarget: 'customers.saas.test',
      },
      cas: [{ kind: 'local', leafLifetimeMs: 600_000 }],
      dnsServers: ['192.0.2.1:53', '127.0.0.1:5353', '[2001:db8::1]:54', '[::1]:53'],
      dnsRoots: ['192.0.2.1:53', '[2001:db8::1]:54'],
      validationHttpPort: 8080,
      validationTlsPort: 8443,
      edgePrefixes: ['192.0.2.0/24', '2001:db8::/48', '198.51.100.7/32'],
      dcvZone: 'dcv.saas.test',
      dnsServer: undefined,
      allowReservedTlds: true,
      allowPrivateAddresses: false,
      revokeOnRemoval: true,
      customCertificateRoots: [],
      logLevel: 'debug',
      edge: {
        accessLog: true,
        defaultHostname: 'www.saas.test',
        cacheBytes: 2 ** 30,
        drainMs: 90_000,
        publicHttpsPort: 443,
        originRoots: [],
      },
    })
  })

  it('may name several secret keys, of which the first seals', () => {
    const older = Buffer.alloc(32, 'o').toString('base64url')
    const { secretKeys } = configOf({ CUSTOS_SECRET_KEY: `${SECRET}, ${older}` })
    expect(secretKeys?.map((key) => key[0])).toEqual([115, 111])
  })

  it('may name the Internet’s root servers by one word', () => {
    const { dnsRoots } = configOf({ CUSTOS_DNS_ROOTS: 'iana' })
    expect(dnsRoots).toHaveLength(26)
    expect(dnsRoots).toContain('198.41.0.4:53')
    expect(dnsRoots).toContain('[2001:503:ba3e::2:30]:53')
  })

  it('turns the admin listener off by that word', () => {
    expect(configOf({ CUSTOS_EDGE_ADMIN: 'off' }).edgeAdmin).toBeUndefined()
  })

  it.each(['backend:3000', 'http://backend', 'https://[::1]:8443', 'localhost:3000', 'o.internal'])(
    'takes %s as the operator’s own fallback origin',
    (origin) => {
      expect(configOf({ CUSTOS_FALLBACK_ORIGIN: origin }).firstZone.fallbackOrigin).toBe(origin)
    },
  )
})

describe('origin roots', () => {
  let directory: string
  let pem: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'custos-roots-'))
    const [key, out] = [join(directory, 'k'), join(directory, 'c')]
    const subject = ['-subj', '/CN=root', '-days', '1', '-nodes', '-batch']
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
    execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', out], {
      stdio: 'ignore',
    })
    pem = readFileSync(out, 'utf8')
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  const roots = (text: string): readonly string[] | undefined =>
    loadWith({ env: { CUSTOS_ORIGIN_ROOTS: '/r.pem' }, files: { '/r.pem': text } }).config.edge
      .originRoots

  it('are read from their file, each as its own PEM', () => {
    expect(roots(`# ours\n${pem}\n# and again\n${pem}`)).toEqual([pem, pem])
  })

  it('are read for uploaded certificates too', () => {
    const env = { CUSTOS_CUSTOM_CERTIFICATE_ROOTS: '/r.pem' }
    const { config } = loadWith({ env, files: { '/r.pem': pem } })
    expect(config.customCertificateRoots).toEqual([pem])
  })

  it('are refused where the file has none, has a damaged one, or cannot be read', () => {
    expect(mistakesOf(() => roots('nothing'))).toEqual([
      { name: 'CUSTOS_ORIGIN_ROOTS', message: 'must hold certificates in PEM form: has none' },
    ])
    const damaged = `${pem}${pem.replace(/\n[A-Za-z0-9+/]{20}/, '\nAAAAAAAAAAAAAAAAAAAA')}`
    expect(mistakesOf(() => roots(damaged))).toEqual([
      { name: 'CUSTOS_ORIGIN_ROOTS', message: 'certificate 2 of 2 cannot be parsed' },
    ])
    expect(mistakeIn({ CUSTOS_ORIGIN_ROOTS: '/none.pem' })).toBe(
      'CUSTOS_ORIGIN_ROOTS: cannot be read: ENOENT: no such file: /none.pem',
    )
  })
})

describe('a mistake', () => {
  const listen = 'must be host:port, such as 0.0.0.0:8443, [::]:8443 or localhost:8443: received '
  const nameServer = 'must be ip:port, such as 192.0.2.53:53 or [2001:db8::53]:53: received '
  const networks = 'must be networks such as 192.0.2.0/24 or 2001:db8::/48: received '
  const size = 'must be a number of bytes, or such as 64KiB, 256MiB or 1GiB: received '
  const duration =
    'must be a duration with its unit, such as 500ms, 30s, 10m, 12h or 365d: received '

  it.each([
    ['CUSTOS_EDGE_HTTPS', '8443', `${listen}"8443"`],
    ['CUSTOS_EDGE_HTTPS', '::1:8443', `${listen}"::1:8443"`],
    ['CUSTOS_EDGE_HTTPS', '1.2.3:8443', `${listen}"1.2.3:8443"`],
    ['CUSTOS_EDGE_HTTPS', '[1.2.3.4]:1', `${listen}"[1.2.3.4]:1"`],
    ['CUSTOS_EDGE_HTTP', '0.0.0.0:65536', 'port must be from 0 to 65535: received "0.0.0.0:65536"'],
    ['CUSTOS_CONTROL', 'http://x:1', `${listen}"http://x:1"`],
    ['CUSTOS_EDGE_ADMIN', 'on', `${listen}"on"`],
    ['CUSTOS_WORKERS', '0', 'must be a whole number from 1 to 1024: received "0"'],
    ['CUSTOS_WORKERS', '2.5', 'must be a whole number from 1 to 1024: received "2.5"'],
    ['CUSTOS_WORKERS', '1e3', 'must be a whole number from 1 to 1024: received "1e3"'],
    ['CUSTOS_VALIDATION_HTTP_PORT', '-1', 'must be a whole number from 1 to 65535: received "-1"'],
    ['CUSTOS_ALLOW_RESERVED_TLDS', 'maybe', 'must be true or false: received "maybe"'],
    [
      'CUSTOS_LOG_LEVEL',
      'trace',
      'must be one of error, warn, info, debug, silent: received "trace"',
    ],
    ['CUSTOS_EDGE_DRAIN', '30', `${duration}"30"`],
    ['CUSTOS_EDGE_DRAIN', '25h', 'must be from 0s to 24h: received "25h"'],
    ['CUSTOS_LOCAL_CA_LEAF_LIFETIME', '30s', 'must be from 1m to 825d: received "30s"'],
    ['CUSTOS_EDGE_CACHE_BYTES', 'lots', `${size}"lots"`],
    ['CUSTOS_EDGE_CACHE_BYTES', '1KiB', 'must be from 1MiB to 1TiB: received "1KiB"'],
    ['CUSTOS_DNS_SERVERS', 'ns1.example.net', `${nameServer}"ns1.example.net"`],
    ['CUSTOS_DNS_ROOTS', 'icann', `${nameServer}"icann"`],
    ['CUSTOS_DNS_SERVERS', '1.1.1.1:0', `${nameServer}"1.1.1.1:0"`],
    [
      'CUSTOS_DNS_SERVERS',
      '1.1.1.1,,',
      'must be values with one comma between two: received an empty one',
    ],
    ['CUSTOS_EDGE_PREFIXES', 'edge.saas.com', `${networks}"edge.saas.com"`],
    ['CUSTOS_EDGE_PREFIXES', '192.0.2.0/33', `${networks}"192.0.2.0/33"`],
    ['CUSTOS_EDGE_PREFIXES', '::/0', `${networks}"::/0"`],
    ['CUSTOS_EDGE_PREFIXES', '192.0.2/24', `${networks}"192.0.2/24"`],
    [
      'CUSTOS_EDGE_PREFIXES',
      '192.0.2.9/24',
      'must begin its network: received 192.0.2.9/24, which lies in 192.0.2.0/24',
    ],
    ['CUSTOS_CNAME_TARGET', '*.saas.com', 'must not be a wildcard: "*.saas.com"'],
    ['CUSTOS_EDGE_DEFAULT_HOSTNAME', '10.0.0.1', 'must not be an IP address: "10.0.0.1"'],
    ['CUSTOS_FALLBACK_ORIGIN', 'host:0', 'port must be from 1 to 65535: received 0'],
    [
      'CUSTOS_FALLBACK_ORIGIN',
      'ftp://host',
      'must be host, host:port, https://host[:port] or http://host[:port]: "ftp://host"',
    ],
    [
      'CUSTOS_ZONE',
      'my zone',
      'must have 1 to 253 letters, digits, . - or _, and no . or - at either end: received "my zone"',
    ],
    ['CUSTOS_CA', 'vault', 'must be one of local, acme: received "vault"'],
  ])('in %s (%s) names variable, rule and value', (variable, value, message) => {
    expect(mistakeIn({ [variable]: value })).toBe(`${variable}: ${message}`)
  })

  it('is told together with all others, of environment and file', () => {
    const run = (): unknown =>
      loadWithFile('workers: none\nedge: { drain: soon, colour: red }\n', {
        CUSTOS_LOG_LEVEL: 'loud',
        CUSTOS_DNS_NS: 'ns1.saas.test',
      })
    expect(mistakesOf(run).map(({ name }) => name)).toEqual([
      'workers',
      'CUSTOS_LOG_LEVEL',
      'edge.drain',
      'edge.colour',
      'CUSTOS_DNS_NS',
    ])
    expect(run).toThrow(/workers: .*\nCUSTOS_LOG_LEVEL: .*\nedge\.drain: /)
  })

  it('never shows a secret', () => {
    const message = mistakeIn({
      CUSTOS_API_TOKEN: 'hunter2 with blanks',
      CUSTOS_SECRET_KEY: 'hunter2',
      CUSTOS_REDIS_URL: 'http://:hunter2@redis:6379',
      CUSTOS_DATABASE_URL: 'mysql://root:hunter2@db/x',
    })
    expect(message).not.toContain('hunter2')
    expect(message.split('\n')).toHaveLength(4)
    expect(message).toContain('CUSTOS_SECRET_KEY: must be 32 random bytes in base64: received 5')
    expect(message).toContain('CUSTOS_REDIS_URL: must be a URL such as redis://host:port or redis')
  })

  it('is the same address given to two listeners', () => {
    expect(mistakeIn({ CUSTOS_EDGE_HTTPS: '0.0.0.0:8000', CUSTOS_CONTROL: '127.0.0.1:8000' })).toBe(
      'CUSTOS_CONTROL: must not be the address of CUSTOS_EDGE_HTTPS: received 127.0.0.1:8000',
    )
    expect(() =>
      configOf({ CUSTOS_EDGE_HTTPS: '127.0.0.1:8000', CUSTOS_CONTROL: '127.0.0.2:8000' }),
    ).not.toThrow()
    expect(() =>
      configOf({ CUSTOS_EDGE_HTTPS: '127.0.0.1:0', CUSTOS_CONTROL: '127.0.0.1:0' }),
    ).not.toThrow()
  })
})

describe('what a later version brings', () => {
  it.each([
    [
      'CUSTOS_DATABASE_URL',
      'postgres://u:p@db/custos',
      'postgres:// is not available in this version: leave it unset',
    ],
    [
      'CUSTOS_REDIS_URL',
      'redis+sentinel://a:1,b:2/main',
      'redis+sentinel:// is not available in this version: leave it unset',
    ],
    [
      'CUSTOS_REDIS_URL',
      'redis+cluster://a:1',
      'redis+cluster:// is not available in this version: leave it unset',
    ],
  ])('is refused, not ignored: %s=%s', (variable, value, message) => {
    expect(mistakeIn({ [variable]: value })).toBe(`${variable}: ${message}`)
  })
})

describe('warnings', () => {
  it.each([
    ['CUSTOS_EGDE_HTTPS', 'is no setting: did you mean CUSTOS_EDGE_HTTPS?'],
    ['CUSTOS_WORKER', 'is no setting: did you mean CUSTOS_WORKERS?'],
    ['CUSTOS_REDIS', 'is no setting'],
    ['CUSTOS_DATADIR', 'is no setting: did you mean CUSTOS_DATA_DIR?'],
    ['CUSTOS_acme_email', 'is no setting: did you mean CUSTOS_ACME_EMAIL?'],
    ['CUSTOS_SOMETHING_ELSE', 'is no setting'],
  ])('name the nearest variable: %s', (name, message) => {
    expect(loadWith({ env: { [name]: 'secret?' } }).warnings).toEqual([{ name, message }])
  })

  it('leave other programs’ variables alone', () => {
    expect(loadWith({ env: { PATH: '/bin', custos_x: '1', CUSTODIAN: '1' } }).warnings).toEqual([])
  })

  it('say that a token is short, not what it is', () => {
    expect(loadWith({ env: { CUSTOS_API_TOKEN: 'test' } }).warnings).toEqual([
      {
        name: 'CUSTOS_API_TOKEN',
        message: 'is short enough to be guessed: has 4 characters, better 20 or more',
      },
    ])
  })
})

describe('the table of settings', () => {
  it('has a meaning and a default for each', () => {
    for (const [variable, row] of Object.entries(SETTINGS)) {
      expect(variable).toMatch(/^CUSTOS_[A-Z]+(_[A-Z]+)*$/)
      expect(row.meaning.length).toBeGreaterThan(10)
      expect('default' in row ? row.default : row.unset).not.toBe('')
    }
  })
})
