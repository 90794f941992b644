import { describe, expect, it } from 'vitest'

import { dueAt, type CustomHostname } from '#domain/custom-hostname.ts'
import { advance, DEPLOYMENT_DEADLINE_MS } from '#domain/advance-issuance.ts'
import { sslStatus } from '#domain/status.ts'
import { managedChains, uploadedChains, withUploaded } from '#domain/uploaded-chains.ts'
import { aCertificate, anActiveHostname, NOON } from '#test/records.ts'

const managed = anActiveHostname()
const ssl = managed.ssl && { ...managed.ssl, method: undefined }
const rsa = aCertificate(managed, 'rsa')
const ecdsa = aCertificate(managed, 'ecdsa')
const at = { serial: 7, now: NOON }

/** With these certificates of the caller's own, on their way or (`deployed`) everywhere. */
function owning(
  certificates: Parameters<typeof uploadedChains>[0],
  { deployed = false } = {},
): CustomHostname {
  const chains = uploadedChains(certificates, at).map((chain) => ({
    ...chain,
    issuance: deployed ? advance(chain.issuance, { type: 'deployed' }, NOON) : chain.issuance,
  }))
  return { ...managed, ssl, chains }
}

describe('a pack of the caller’s own certificates', () => {
  it('is pending until the edges have it, then active, and expired in the end', () => {
    expect(sslStatus(owning([rsa, ecdsa]), NOON)).toBe('pending_deployment')
    const late = NOON + DEPLOYMENT_DEADLINE_MS
    expect(sslStatus(owning([rsa]), late)).toBe('deployment_timed_out')
    const deployed = owning([rsa, ecdsa], { deployed: true })
    expect(deployed.chains.map(({ issuance }) => issuance.state)).toEqual(['uploaded', 'uploaded'])
    const month = 30 * 86_400_000
    expect(sslStatus(deployed, rsa.notAfter - month - 1)).toBe('active')
    expect(sslStatus(deployed, rsa.notAfter - 1)).toBe('pending_expiration')
    expect(sslStatus(deployed, rsa.notAfter)).toBe('expired')
  })

  it('has nothing due but a look a day after it was proved, for nothing renews it', () => {
    for (const record of [owning([rsa], { deployed: true }), owning([rsa])]) {
      expect(dueAt(record)).toBe(NOON + 86_400_000)
    }
  })

  it('has its chains in one order, whatever order they came in', () => {
    const algorithms = owning([rsa, ecdsa]).chains.map(({ keyAlgorithm }) => keyAlgorithm)
    expect(algorithms).toEqual(['ecdsa', 'rsa'])
  })

  it('takes one in the place of its kind, and leaves alone what it has', () => {
    const record = owning([rsa, ecdsa], { deployed: true })
    expect(withUploaded(record, [rsa, ecdsa], { serial: 8, now: NOON })).toEqual(record.chains)
    const next = withUploaded(record, [{ ...rsa, id: 'next' }], { serial: 8, now: NOON })
    expect(next[0]).toEqual(record.chains[0])
    expect(next[1]).toMatchObject({ certificate: { id: 'next' }, issuance: { serial: 8 } })
  })

  it('becomes managed with what it has served on, and one more chain where it had one', () => {
    const [first, second] = managedChains(owning([rsa], { deployed: true }), NOON)
    expect(first).toMatchObject({ keyAlgorithm: 'ecdsa', certificate: undefined })
    expect(second).toMatchObject({ keyAlgorithm: 'rsa', certificate: { id: rsa.id } })
    for (const chain of [first, second]) {
      expect(chain?.issuance).toEqual({ state: 'scheduled', nextAt: NOON, failures: 0 })
    }
    // The same certificate once more ends that.
    const turned = { ...managed, chains: managedChains(owning([rsa], { deployed: true }), NOON) }
    const [, again] = withUploaded(turned, [rsa], { serial: 9, now: NOON })
    expect(again?.issuance).toMatchObject({ state: 'deploying', serial: 9 })
  })
})
