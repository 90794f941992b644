import { describe, expect, it } from 'vitest'

import { makeDevCertificates } from '#test/dev-certs.ts'
import { loadWith, loadWithFile, mistakesOf } from '#test/load-config.ts'

const DAY_MS = 86_400_000
const HMAC_KEY = Buffer.alloc(32, 9).toString('base64url')

const SEVERAL = `
cas:
  - kind: acme
    directoryUrl: https://acme-v02.api.letsencrypt.org/directory
    email: ops@saas.example
    profile: tlsserver
    preferredChain: ISRG Root X1
  - kind: acme
    name: google
    directoryUrl: https://dv.acme-v02.api.pki.goog/directory
    account: second
    apiName: google
    eab: { kid: kid-1, hmacKey: ${HMAC_KEY} }
    roots: /roots.pem
    caaIdentities: [PKI.goog, other.example]
    limits: { ordersPerAccount: 3000/3h, duplicateCertificates: unlimited, consecutiveFailures: 300/300d }
  - kind: local
    leafLifetime: 90d
`

const mistakesIn = (text: string, env: Record<string, string> = {}): string[] =>
  mistakesOf(() => loadWithFile(text, env)).map(({ name, message }) => `${name}: ${message}`)

describe('several CAs in the settings file', () => {
  it('are read in their order', async () => {
    const { ca } = await makeDevCertificates(['ca.example'])
    const files = { '/c.yaml': SEVERAL, '/roots.pem': ca }
    const { config, warnings } = loadWith({ env: { CUSTOS_CONFIG: '/c.yaml' }, files })
    expect(warnings).toEqual([])
    const nothing = {
      account: undefined,
      apiName: undefined,
      caaIdentities: undefined,
      email: undefined,
      externalAccount: undefined,
      preferredChain: undefined,
      profile: undefined,
    }
    expect(config.cas).toEqual([
      {
        ...nothing,
        kind: 'acme',
        name: 'https://acme-v02.api.letsencrypt.org/directory',
        directoryUrl: 'https://acme-v02.api.letsencrypt.org/directory',
        email: 'ops@saas.example',
        roots: [],
        profile: 'tlsserver',
        limits: {},
        preferredChain: 'ISRG Root X1',
      },
      {
        ...nothing,
        kind: 'acme',
        name: 'google',
        directoryUrl: 'https://dv.acme-v02.api.pki.goog/directory',
        account: 'second',
        apiName: 'google',
        externalAccount: { kid: 'kid-1', hmacKey: new Uint8Array(32).fill(9) },
        roots: [expect.stringContaining('BEGIN CERTIFICATE'), expect.any(String)],
        caaIdentities: ['pki.goog', 'other.example'],
        limits: {
          orders_per_account: { count: 3_000, windowMs: 3 * 3_600_000 },
          duplicate_certificates: 'unlimited',
          consecutive_failures: { count: 300, windowMs: 300 * 86_400_000 },
        },
      },
      { kind: 'local', leafLifetimeMs: 90 * DAY_MS },
    ])
    expect(Object.isFrozen(config.cas[0])).toBe(true)
  })

  it('share the default lifetime of the built-in CA', () => {
    const env = { CUSTOS_LOCAL_CA_LEAF_LIFETIME: '30d' }
    expect(loadWithFile('cas: [{ kind: local }]', env).config.cas).toEqual([
      { kind: 'local', leafLifetimeMs: 30 * DAY_MS },
    ])
  })

  it('have all mistakes told at once, by path', () => {
    const text = `
cas:
  - kind: acme
    directoryUrl: http://ca.example/dir
    email: ops
    profle: tlsserver
    eab: { kid: kid-1 }
  - kind: acmee
  - directoryUrl: https://ca.example/dir
  - kind: acme
    name: local
    apiName: digicert
    caaIdentities: [ok.example, "not ok"]
    roots: /none.pem
    eab: { hmacKey: hunter2 }
  - kind: local
    email: ops@saas.example
    leafLifetime: 10y
`
    expect(mistakesIn(text)).toEqual([
      'cas[0].profle: is no setting of an ACME CA: did you mean profile?',
      'cas[0].directoryUrl: must be a URL such as https://ca.example/directory (value not shown)',
      'cas[0].email: must be one e-mail address: received "ops"',
      'cas[0].eab.hmacKey: must be set too',
      'cas[1].kind: must be one of local, acme: received "acmee"',
      'cas[2].kind: must be set',
      'cas[3].directoryUrl: must be set',
      'cas[3].name: must not be local, which is the built-in CA',
      expect.stringMatching(/^cas\[3\]\.apiName: must be one of google, lets_encrypt, ssl_com/),
      'cas[3].eab.hmacKey: must be a key of 16 bytes or more in base64 (value not shown)',
      'cas[3].eab.kid: must be set too',
      'cas[3].roots: cannot be read: ENOENT: no such file: /none.pem',
      expect.stringMatching(/^cas\[3\]\.caaIdentities: must have 1 to 253 letters/),
      'cas[4].email: is no setting of a local CA',
      expect.stringMatching(/^cas\[4\]\.leafLifetime: /),
    ])
  })

  it('are several: not the built-in one twice, nor one account under two names', () => {
    expect(mistakesIn('cas: [{ kind: local }, { kind: local }]')).toEqual([
      "cas[1].name: must differ from cas[0]'s",
    ])
    const at = (more: string): string =>
      `{ kind: acme, directoryUrl: "https://ca.example/dir"${more} }`
    expect(mistakesIn(`cas: [${at('')}, ${at(', name: other')}]`)).toEqual([
      "cas[1].account: must differ from cas[0]'s",
    ])
    expect(mistakesIn(`cas: [${at('')}, ${at(', account: b')}]`)).toEqual([
      "cas[1].name: must differ from cas[0]'s",
    ])
    const both = `cas: [${at('')}, ${at(', name: b, account: b')}]`
    expect(loadWithFile(both).config.cas).toHaveLength(2)
  })

  it('are not set up beside a single one', () => {
    const env = { CUSTOS_CA: 'acme', CUSTOS_ACME_EMAIL: 'ops@saas.example' }
    const message = 'sets up one CA, and the list cas in the file several: remove one of both'
    expect(mistakesIn('cas: [{ kind: local }]', env)).toEqual([
      `CUSTOS_CA: ${message}`,
      `CUSTOS_ACME_EMAIL: ${message}`,
    ])
    expect(mistakesIn('ca: local\ncas: [{ kind: local }]')).toEqual([`ca: ${message}`])
  })

  it('are a list of groups, and of no more than ten', () => {
    expect(mistakesIn('cas: local')).toEqual(['cas: must be in a list: cas is a list of groups'])
    expect(mistakesIn('cas: { kind: local }')).toEqual([
      'cas.kind: must be in a list: cas is a list of groups',
    ])
    const neighbour = 'must be a group of settings, as its neighbours are'
    expect(mistakesIn('cas: [{ kind: local }, acme, {}]')).toEqual([
      `cas[1]: ${neighbour}`,
      `cas[2]: ${neighbour}`,
    ])
    const many = Array.from(
      { length: 11 },
      (_, i) => `{ kind: acme, directoryUrl: "https://ca-${i}.example/" }`,
    )
    expect(mistakesIn(`cas: [${many.join()}]`)).toEqual(['cas: must have at most 10 CAs: has 11'])
    expect(loadWithFile('cas: []').config.cas).toMatchObject([{ kind: 'local' }])
  })

  it('is the only list of groups', () => {
    expect(mistakesIn('edge: [{ https: "1:1" }]')).toContainEqual(
      expect.stringMatching(/^edge\[0\]\.https: is no setting/),
    )
  })
})
