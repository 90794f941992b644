import { describe, expect, it } from 'vitest'

import { renderBinding } from '#control/publisher/render-binding.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Binding } from '#domain/binding.ts'
import type { Zone } from '#domain/zone.ts'
import {
  aCertificate,
  aHostname,
  anActiveHostname,
  anOrder,
  aZone,
  NOON,
  withIssuance,
} from '#test/records.ts'

function render(record: CustomHostname, zone: Zone = aZone()): Binding {
  const certificates = [aCertificate(record, 'ecdsa'), aCertificate(record, 'rsa')]
  return renderBinding({ record, zone, certificates })
}

describe('renderBinding', () => {
  it('serves an active hostname with both chains from the fallback origin', () => {
    const record = anActiveHostname()
    const binding = render(record)
    expect(binding).toMatchObject({
      hostname: record.hostname,
      serial: record.deployment.serial,
      missing: [],
      alwaysUseHttps: true,
      origin: { scheme: 'http', host: 'origin.saas.com', port: 80, serverName: undefined },
    })
    expect(binding.chains.map(({ keyAlgorithm }) => keyAlgorithm)).toEqual(['ecdsa', 'rsa'])
  })

  it('leaves out certificates that no chain of the record names', () => {
    const record = aHostname()
    expect(render(record).chains).toEqual([])
  })

  it('says in order what a new hostname still lacks', () => {
    const record = aHostname()
    const missing = render(record, aZone({ fallbackOrigin: undefined })).missing
    expect(missing).toHaveLength(3)
    expect(missing[0]).toContain('being verified')
    expect(missing[1]).toContain('being issued')
    expect(missing[2]).toContain('origin')
  })

  it('passes the problem of the issuance on to the owner of the name', () => {
    const record = withIssuance(aHostname(), 'ecdsa', {
      state: 'ordered',
      order: anOrder(),
      since: NOON,
      attempts: 1,
      nextAt: NOON,
      failures: 0,
      problem: 'nothing answers on port 80.',
    })
    expect(render(record).missing.join(' ')).toContain('nothing answers on port 80.')
  })

  it('does not serve a proved hostname while its fallback origin is being removed', () => {
    const zone = aZone()
    const { fallbackOrigin } = zone
    if (!fallbackOrigin) throw new Error('the zone of this test has an origin')
    const leaving = { ...fallbackOrigin, state: 'pending_deletion' } as const
    expect(render(anActiveHostname(), { ...zone, fallbackOrigin: leaving }).missing).toHaveLength(1)
  })

  it('prefers the custom origin, and names it to it in the handshake', () => {
    const record = anActiveHostname({ customOriginServer: 'tenant.saas.com:8443' })
    expect(render(record).origin).toEqual({
      scheme: 'https',
      host: 'tenant.saas.com',
      port: 8443,
      serverName: 'tenant.saas.com',
    })
  })

  it('sends the server name that the caller chose', () => {
    const customOriginServer = 'tenant.saas.com'
    const named = anActiveHostname({ customOriginServer, customOriginSni: 'sni.saas.com' })
    expect(render(named).origin?.serverName).toBe('sni.saas.com')
    const mirrored = anActiveHostname({
      customOriginServer,
      customOriginSni: ':request_host_header:',
    })
    expect(render(mirrored).origin?.serverName).toBeUndefined()
  })
})
