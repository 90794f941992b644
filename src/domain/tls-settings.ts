/** TLS protocol versions as the API writes them. */
export type TlsVersion = '1.0' | '1.1' | '1.2' | '1.3'

/**
 * `ssl.settings` exactly as the caller sent them: a key that was not sent is absent, which means
 * "the default", and is not echoed (spec section 1.6).
 */
export interface TlsSettings {
  http2?: 'on' | 'off'
  tls_1_3?: 'on' | 'off'
  min_tls_version?: TlsVersion
  early_hints?: 'on' | 'off'
  /** OpenSSL names, for TLS 1.2 and below. */
  ciphers?: readonly string[]
}

/** The settings with every default filled in: what an edge acts on. */
export interface EffectiveTlsSettings {
  minVersion: TlsVersion
  tls13: boolean
  http2: boolean
  earlyHints: boolean
  /** Empty: the edge's own list. */
  ciphers: readonly string[]
}

export function effectiveTlsSettings(settings: TlsSettings): EffectiveTlsSettings {
  return {
    minVersion: settings.min_tls_version ?? '1.2',
    tls13: settings.tls_1_3 !== 'off' || settings.min_tls_version === '1.3',
    http2: settings.http2 !== 'off',
    earlyHints: settings.early_hints === 'on',
    ciphers: settings.ciphers ?? [],
  }
}
