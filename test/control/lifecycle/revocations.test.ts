import { describe, expect, it } from 'vitest'

import { IssuerError } from '#control/ca/issuer.ts'
import { createIssuers } from '#control/ca/issuers.ts'
import { startRevocations, type Revocations } from '#control/lifecycle/revocations.ts'
import type { Chain } from '#domain/certificate.ts'
import { silentLogger } from '#lib/log.ts'
import { systemRandom } from '#lib/random.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { fakeIssuer } from '#test/fake-issuer.ts'
import { aCertificate, aHostname } from '#test/records.ts'

const certificate = { ...aCertificate(aHostname(), 'ecdsa'), ca: 'one' }

function start(failures: number): {
  revocations: Revocations
  asked: Chain[]
  clock: ReturnType<typeof fakeClock>
} {
  const asked: Chain[] = []
  const revoke = async (chain: Chain): Promise<void> => {
    asked.push(chain)
    if (asked.length <= failures) throw new IssuerError('unavailable', 'away')
  }
  const clock = fakeClock()
  const issuers = createIssuers([fakeIssuer('one', { revoke })])
  const common = { clock, random: { ...systemRandom, fraction: () => 0 }, log: silentLogger }
  return { revocations: startRevocations({ issuers, ...common }), asked, clock }
}

describe('revocation', () => {
  it('is asked of the CA that issued, and of nobody for the caller’s own certificate', async () => {
    const { revocations, asked } = start(0)
    revocations.add([
      certificate,
      { ...certificate, ca: undefined },
      { ...certificate, ca: 'gone' },
    ])
    await revocations.close()
    expect(asked).toEqual([certificate.chain])
  })

  it('is tried again while the CA is away, five times', async () => {
    const { revocations, asked, clock } = start(9)
    revocations.add([certificate])
    for (let minutes = 0; minutes < 60; minutes++) await clock.advance(60_000)
    expect(asked).toHaveLength(5)
    await revocations.close()
  })

  it('is cut short by closing', async () => {
    const { revocations, asked, clock } = start(9)
    revocations.add([certificate])
    await clock.advance(0)
    await Promise.all([revocations.close(), revocations.close()])
    expect(asked).toHaveLength(1)
  })
})
