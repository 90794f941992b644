import type { Binding, BindingChain } from '#domain/binding.ts'
import type { KeyAlgorithm } from '#domain/certificate.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'

/** A hostname of a test, reserved names allowed. */
export function hostname(name: string): Hostname {
  return parseHostname(name, { allowReservedTlds: true })
}

/** A binding as the control plane publishes it; the certificates are only bytes. */
export function sampleBinding(name: string, overrides: Partial<Binding> = {}): Binding {
  return {
    hostname: hostname(name),
    hostnameId: `id-of-${name}`,
    zoneId: '0123456789abcdef0123456789abcdef',
    serial: 1_790_000_000_000,
    wildcard: false,
    missing: [],
    tls: { minVersion: '1.2', tls13: true, http2: true, earlyHints: false, ciphers: [] },
    chains: [sampleChain('ecdsa'), sampleChain('rsa')],
    origin: {
      scheme: 'https',
      host: hostname('origin.test'),
      port: 8443,
      serverName: undefined,
    },
    alwaysUseHttps: true,
    ...overrides,
  }
}

/** A chain of the right shape and size; equal algorithms share their intermediate. */
export function sampleChain(
  keyAlgorithm: KeyAlgorithm,
  overrides: Partial<BindingChain> = {},
): BindingChain {
  const size = keyAlgorithm === 'ecdsa' ? 600 : 1_200
  return {
    certificateId: `certificate-${keyAlgorithm}`,
    keyAlgorithm,
    leaf: new Uint8Array(size).fill(1),
    intermediates: [new Uint8Array(size).fill(keyAlgorithm === 'ecdsa' ? 2 : 3)],
    sealedKey: new Uint8Array(160).fill(4),
    notAfter: 1_795_000_000_000,
    ...overrides,
  }
}
