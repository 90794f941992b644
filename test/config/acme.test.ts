import { describe, expect, it } from 'vitest'

import { loadWith, loadWithFile, mistakesOf, type GivenSettings } from '#test/load-config.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'

const ACME = { CUSTOS_CA: 'acme', CUSTOS_ACME_DIRECTORY_URL: 'https://ca.example/directory' }
const KEY = Buffer.alloc(32, 9)

const load = (given: GivenSettings): unknown => loadWith(given).config.cas[0]
const mistakesIn = (env: Record<string, string>): string[] =>
  mistakesOf(() => loadWith({ env })).map(({ name, message }) => `${name}: ${message}`)

describe('an ACME CA', () => {
  it('needs its directory and nothing else', () => {
    expect(load({ env: ACME })).toEqual({
      kind: 'acme',
      name: 'https://ca.example/directory',
      directoryUrl: 'https://ca.example/directory',
      roots: [],
      limits: {},
    })
    expect(mistakesIn({ CUSTOS_CA: 'acme' })).toEqual([
      'CUSTOS_ACME_DIRECTORY_URL: must be set when CUSTOS_CA is acme',
    ])
  })

  it('may have a contact, an external account and roots of its own', async () => {
    const { ca } = await makeDevCertificates(['ca.example'])
    const env = {
      ...ACME,
      CUSTOS_ACME_EMAIL: 'ops+tls@saas.example',
      CUSTOS_ACME_ACCOUNT: '2',
      CUSTOS_ACME_EAB_KID: 'kid-1',
      CUSTOS_ACME_EAB_HMAC_KEY: KEY.toString('base64url'),
      CUSTOS_ACME_ROOTS: '/roots.pem',
    }
    expect(load({ env, files: { '/roots.pem': ca } })).toMatchObject({
      email: 'ops+tls@saas.example',
      account: '2',
      externalAccount: { kid: 'kid-1', hmacKey: new Uint8Array(KEY) },
      roots: [expect.stringContaining('BEGIN CERTIFICATE'), expect.any(String)],
    })
  })

  it('can be set up in the file', () => {
    const file = 'ca: acme\nacme: { directoryUrl: "http://127.0.0.1:14000/dir" }\n'
    expect(loadWithFile(file).config.cas[0]).toMatchObject({
      kind: 'acme',
      directoryUrl: 'http://127.0.0.1:14000/dir',
    })
  })

  it.each([
    'ca.example/directory',
    'http://ca.example/directory',
    'http://localhost.example/dir',
    'ftp://ca.example/',
    'https://user:pass@ca.example/',
  ])('has no directory at %s', (url) => {
    expect(mistakesIn({ ...ACME, CUSTOS_ACME_DIRECTORY_URL: url })).toEqual([
      'CUSTOS_ACME_DIRECTORY_URL: must be a URL such as https://ca.example/directory (value not shown)',
    ])
  })

  it.each([
    ['CUSTOS_ACME_EMAIL', 'ops', 'must be one e-mail address: received "ops"'],
    [
      'CUSTOS_ACME_EMAIL',
      'a@b.test,c@d.test',
      'must be one e-mail address: received "a@b.test,c@d.test"',
    ],
    ['CUSTOS_ACME_ROOTS', '/none.pem', 'cannot be read: ENOENT: no such file: /none.pem'],
  ])('is not told %s=%s', (variable, value, message) => {
    expect(mistakesIn({ ...ACME, [variable]: value })).toEqual([`${variable}: ${message}`])
  })

  it('is bound with both halves or none, and the key is never shown', () => {
    expect(mistakesIn({ ...ACME, CUSTOS_ACME_EAB_KID: 'kid-1' })).toEqual([
      expect.stringMatching(/^CUSTOS_ACME_EAB_KID: must be set together/),
    ])
    const [mistake] = mistakesIn({
      ...ACME,
      CUSTOS_ACME_EAB_KID: 'kid-1',
      CUSTOS_ACME_EAB_HMAC_KEY: 'hunter2',
    })
    expect(mistake).toBe(
      'CUSTOS_ACME_EAB_HMAC_KEY: must be a key of 16 bytes or more in base64 (value not shown)',
    )
  })

  it('is not set up by halves beside the built-in CA', () => {
    expect(mistakesIn({ CUSTOS_ACME_EMAIL: 'ops@saas.example' })).toEqual([
      'CUSTOS_ACME_EMAIL: is for an ACME CA only: set CUSTOS_CA to acme, or remove it',
    ])
  })
})
