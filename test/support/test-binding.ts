import type { Binding, BindingChain } from '#domain/binding.ts'
import type { KeyAlgorithm } from '#domain/certificate.ts'
import { parseHostname } from '#domain/hostname.ts'
import { effectiveTlsSettings } from '#domain/tls-settings.ts'
import { createSealer, type Sealer } from '#lib/sealing.ts'
import type { DevCertificates } from '#test/dev-certs.ts'

export const TEST_SECRET_KEY = new Uint8Array(32).fill(7)
export const testSealer: Sealer = createSealer([TEST_SECRET_KEY])

/** A binding that is ready to be served but has no chain, unless told otherwise. */
export function aBinding(name: string, change: Partial<Binding> = {}): Binding {
  return {
    hostname: parseHostname(name, { allowReservedTlds: true }),
    hostnameId: `id-of-${name}`,
    zoneId: '0123456789abcdef0123456789abcdef',
    serial: 1,
    wildcard: false,
    missing: [],
    tls: effectiveTlsSettings({}),
    chains: [],
    origin: { scheme: 'http', host: '127.0.0.1', port: 9, serverName: undefined },
    alwaysUseHttps: true,
    ...change,
  }
}

/** Both chains as a binding holds them. */
export function sealedChains(
  certificates: DevCertificates,
  sealer: Sealer = testSealer,
): BindingChain[] {
  return (['ecdsa', 'rsa'] as const).map((keyAlgorithm) =>
    sealedChain(certificates, { keyAlgorithm, sealer }),
  )
}

export function sealedChain(
  certificates: DevCertificates,
  { keyAlgorithm, sealer = testSealer }: { keyAlgorithm: KeyAlgorithm; sealer?: Sealer },
): BindingChain {
  const { chain, pkcs8, notAfter } = certificates[keyAlgorithm]
  const certificateId = `certificate-${keyAlgorithm}-${Buffer.from(chain.leaf.slice(-8)).toString('hex')}`
  const sealedKey = sealer.seal(pkcs8, certificateId)
  return { certificateId, keyAlgorithm, ...chain, sealedKey, notAfter }
}
