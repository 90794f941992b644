import { describe, expect, it } from 'vitest'

import { effectiveTlsSettings } from '#domain/tls-settings.ts'

describe('effectiveTlsSettings', () => {
  it('fills in what is not set: TLS 1.2 and 1.3, HTTP/2, our ciphers', () => {
    expect(effectiveTlsSettings({})).toEqual({
      minVersion: '1.2',
      tls13: true,
      http2: true,
      earlyHints: false,
      ciphers: [],
    })
  })

  it('takes over what is set', () => {
    const ciphers = ['ECDHE-ECDSA-AES128-GCM-SHA256']
    expect(
      effectiveTlsSettings({
        http2: 'off',
        tls_1_3: 'off',
        min_tls_version: '1.0',
        early_hints: 'on',
        ciphers,
      }),
    ).toEqual({ minVersion: '1.0', tls13: false, http2: false, earlyHints: true, ciphers })
  })

  it('keeps words that say the default', () => {
    expect(
      effectiveTlsSettings({ http2: 'on', tls_1_3: 'on', early_hints: 'off', ciphers: [] }),
    ).toEqual(effectiveTlsSettings({}))
  })

  it('leaves TLS 1.3 on where nothing else would be left', () => {
    expect(effectiveTlsSettings({ min_tls_version: '1.3', tls_1_3: 'off' }).tls13).toBe(true)
  })
})
