import { describe, expect, it } from 'vitest'

import { loadWith, loadWithFile, mistakesOf } from '#test/load-config.ts'

const acmeAt = (url: string): Record<string, string> => ({
  CUSTOS_CA: 'acme',
  CUSTOS_ACME_DIRECTORY_URL: url,
})
const PUBLIC = 'https://acme-v02.api.letsencrypt.org/directory'

const allows = (env: Record<string, string>): boolean =>
  loadWith({ env }).config.allowPrivateAddresses

describe('private addresses, where nothing is said of them', () => {
  it.each([
    PUBLIC,
    'https://acme.example.com/dir',
    'https://93.184.216.34/dir',
    'https://[2606:4700::1]/dir',
    'https://localhost.example.com/dir',
    'https://internal.example.com/dir',
    'https://127.0.0.1.example.com/dir',
  ])('are not asked beside the CA at %s', (url) => {
    expect(allows(acmeAt(url))).toBe(false)
  })

  it.each([
    'https://127.0.0.1:14000/dir',
    'https://localhost:14000/dir',
    'https://[::1]:14000/dir',
    'https://10.0.0.5/dir',
    'https://[fd00::5]/dir',
    'https://pebble:14000/dir',
    'https://ca.corp.internal/dir',
    'https://ca.test/dir',
  ])('are asked beside the CA at %s', (url) => {
    expect(allows(acmeAt(url))).toBe(true)
  })

  it('are asked beside the built-in CA, and where reserved names are permitted', () => {
    expect(allows({})).toBe(true)
    expect(allows({ ...acmeAt(PUBLIC), CUSTOS_ALLOW_RESERVED_TLDS: 'true' })).toBe(true)
  })

  it('are not asked beside a public CA for our recursive server being inside', () => {
    expect(allows({ ...acmeAt(PUBLIC), CUSTOS_DNS_SERVERS: '127.0.0.1' })).toBe(false)
  })

  it('are not asked where one of several CAs is public', () => {
    const { config } = loadWithFile(
      `cas:\n  - kind: local\n  - kind: acme\n    directoryUrl: ${PUBLIC}\n`,
    )
    expect(config.allowPrivateAddresses).toBe(false)
  })
})

describe('private addresses', () => {
  it('are asked, or not, as the setting says', () => {
    expect(allows({ ...acmeAt(PUBLIC), CUSTOS_PRIVATE_ADDRESSES: 'allow' })).toBe(true)
    expect(allows({ CUSTOS_PRIVATE_ADDRESSES: 'deny' })).toBe(false)
    expect(loadWithFile('privateAddresses: deny\n').config.allowPrivateAddresses).toBe(false)
  })

  it('know no third answer', () => {
    const env = { CUSTOS_PRIVATE_ADDRESSES: 'maybe' }
    expect(mistakesOf(() => loadWith({ env }))).toEqual([
      {
        name: 'CUSTOS_PRIVATE_ADDRESSES',
        message: 'must be one of allow, deny: received "maybe"',
      },
    ])
  })
})
