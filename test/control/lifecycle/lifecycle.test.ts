import { describe, expect, it } from 'vitest'

import { requestRemoval } from '#control/api/create-custom-hostname.ts'
import { IssuerError, type Issuer } from '#control/ca/issuer.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import { chainOf, withNextSerial, type CustomHostname } from '#domain/custom-hostname.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import { systemClock } from '#lib/clock.ts'
import { alteredIssuer } from '#test/altered-issuer.ts'
import { startControlPlane } from '#test/control-plane.ts'
import { aHostname } from '#test/records.ts'

/** A customer who has done everything right. */
const GOOD: Inspector = {
  inspectOwnership: async () => ({ provedBy: 'cname' }),
  inspectChallenge: async () => ({ isReady: true }),
  inspectPermission: async () => ({ isPermitted: true }),
}

/** A customer who has done nothing yet. */
const NOTHING: Inspector = {
  inspectOwnership: async () => ({ errors: ['custom hostname does not CNAME to this zone.'] }),
  inspectChallenge: async () => ({ isReady: false, problem: 'nothing answers on port 80.' }),
  inspectPermission: async () => ({ isPermitted: true }),
}

function newRecord(): CustomHostname {
  return aHostname({}, systemClock.now())
}

function isActive(record: CustomHostname): boolean {
  return hostnameStatus(record) === 'active' && sslStatus(record, systemClock.now()) === 'active'
}

/** Both looks at a customer who has done nothing are over. */
function hasLooked({ chains, ownership }: CustomHostname): boolean {
  const issuance = chains[0]?.issuance
  const isChallengeSeen = issuance?.state === 'ordered' && issuance.attempts === 1
  return isChallengeSeen && ownership.state === 'pending' && ownership.attempts === 1
}

describe('the lifecycle', () => {
  it('takes a hostname from created to served with both chains', async () => {
    await using plane = await startControlPlane({ inspector: GOOD })
    const record = newRecord()
    await plane.create(record)
    await plane.until(record.id, isActive)
    const binding = await plane.edgeDirectory.findBinding(record.hostname)
    expect(binding?.missing).toEqual([])
    expect(binding?.chains.map((chain) => chain.keyAlgorithm).sort()).toEqual(['ecdsa', 'rsa'])
  })

  it('shows the challenge before begin returns', async () => {
    await using plane = await startControlPlane({ inspector: NOTHING })
    const record = newRecord()
    await plane.create(record)
    const begun = await plane.store.hostnames.find(record.id)
    expect(begun && chainOf(begun, 'ecdsa')?.issuance.state).toBe('ordered')
  })

  it('shows the TXT records of both chains before begin returns, where the CA wants them', async () => {
    const issuer = (built: Issuer): Issuer =>
      alteredIssuer(built, {
        openOrder: async (request, signal) => ({
          ...(await built.openOrder(request, signal)),
          provedAlone: true,
        }),
      })
    await using plane = await startControlPlane({ inspector: NOTHING, issuer })
    const record = newRecord()
    const ssl = record.ssl && { ...record.ssl, method: 'txt' as const }
    await plane.create({ ...record, ssl })
    const begun = await plane.store.hostnames.find(record.id)
    expect(begun?.chains.map(({ issuance }) => issuance.state)).toEqual(['ordered', 'ordered'])
  })

  it('lets the edges answer challenge and ownership token', async () => {
    await using plane = await startControlPlane({ inspector: NOTHING })
    const record = newRecord()
    await plane.create(record)
    const waiting = await plane.until(record.id, ({ chains, ownership }) => {
      const { issuance } = chains[0] ?? {}
      return issuance?.state === 'ordered' && issuance.attempts === 1 && 'attempts' in ownership
    })
    const issuance = chainOf(waiting, 'ecdsa')?.issuance
    if (issuance?.state !== 'ordered') throw new Error('not ordered')
    const [challenge] = issuance.order.challenges
    const find = (path: string): Promise<string | undefined> =>
      plane.edgeDirectory
        .findAnswer(record.hostname, path, systemClock.now())
        .then((answer) => answer?.body)
    expect(await find(`/.well-known/acme-challenge/${challenge?.token}`)).toBe(
      challenge?.keyAuthorization,
    )
    expect(await find(`/.well-known/cf-custom-hostname-challenge/${record.id}`)).toBe(
      record.ownershipToken,
    )
  })

  it('takes the answers away once they have served', async () => {
    await using plane = await startControlPlane({ inspector: GOOD })
    const record = newRecord()
    await plane.create(record)
    await plane.until(record.id, isActive)
    await expect.poll(() => plane.answers()).toBe(0)
  })

  it('takes the answers away with a hostname that is deleted before it was proved', async () => {
    await using plane = await startControlPlane({ inspector: NOTHING })
    const record = newRecord()
    await plane.create(record)
    await plane.until(record.id, hasLooked)
    // The ownership token's, and those to http-01 and tls-alpn-01.
    expect(plane.answers()).toBe(3)
    await requestRemoval({ store: plane.store, clock: systemClock }, record.id)
    plane.publisher.wake()
    await expect.poll(() => plane.store.hostnames.find(record.id)).toBeUndefined()
    expect(plane.answers()).toBe(0)
  })

  it('says what is wrong on the customer’s side, and never bothers the CA with it', async () => {
    const asked: string[] = []
    const issuer = (built: Issuer): Issuer =>
      alteredIssuer(built, {
        beginValidation: (order, challenges, signal) => {
          asked.push(order.url)
          return built.beginValidation(order, challenges, signal)
        },
      })
    await using plane = await startControlPlane({ inspector: NOTHING, issuer })
    const record = newRecord()
    await plane.create(record)
    const seen = await plane.until(record.id, ({ chains, ownership }) => {
      const { issuance } = chains[0] ?? {}
      return (
        issuance?.state === 'ordered' &&
        issuance.attempts === 1 &&
        'errors' in ownership &&
        ownership.errors.length > 0
      )
    })
    expect(chainOf(seen, 'ecdsa')?.issuance).toMatchObject({
      problem: 'nothing answers on port 80.',
    })
    expect(seen.ownership).toMatchObject({
      state: 'pending',
      errors: ['custom hostname does not CNAME to this zone.'],
    })
    expect(asked).toEqual([])
  })

  it('orders again, after a while, what the CA refused', async () => {
    let refusals = 0
    const issuer = (built: Issuer): Issuer =>
      alteredIssuer(built, {
        openOrder: (request, signal) => {
          if (request.keyAlgorithm !== 'rsa') return built.openOrder(request, signal)
          refusals++
          return Promise.reject(new IssuerError('rejected', 'no RSA today'))
        },
      })
    await using plane = await startControlPlane({ inspector: GOOD, issuer })
    const record = newRecord()
    await plane.create(record)
    const seen = await plane.until(
      record.id,
      ({ chains }) =>
        chains[0]?.issuance.state === 'issued' && chains[1]?.issuance.state === 'scheduled',
    )
    // The chain that failed waits alone and says why; the other one is served meanwhile.
    const rsa = chainOf(seen, 'rsa')?.issuance
    expect(rsa).toMatchObject({ failures: 1, problem: 'no RSA today' })
    expect(rsa && 'nextAt' in rsa && rsa.nextAt).toBeGreaterThan(systemClock.now() + 20_000)
    expect(refusals).toBe(1)
    const binding = await plane.edgeDirectory.findBinding(record.hostname)
    expect(binding?.chains.map((chain) => chain.keyAlgorithm)).toEqual(['ecdsa'])
  })

  it('keeps the order, and the token that the customer may have placed, while the CA is away', async () => {
    const issuer = (built: Issuer): Issuer =>
      alteredIssuer(built, {
        beginValidation: () => Promise.reject(new IssuerError('unavailable', 'the CA is away')),
      })
    await using plane = await startControlPlane({ inspector: GOOD, issuer })
    const record = newRecord()
    await plane.create(record)
    const waiting = await plane.until(record.id, ({ chains }) => {
      const issuance = chains[0]?.issuance
      return issuance?.state === 'ordered' && issuance.nextAt > systemClock.now() + 1_000
    })
    const issuance = chainOf(waiting, 'ecdsa')?.issuance
    expect(issuance).toMatchObject({ state: 'ordered', attempts: 0, failures: 0 })
  })

  it('renews through the same door, with a new key, without a gap', async () => {
    await using plane = await startControlPlane({ inspector: GOOD })
    const record = newRecord()
    await plane.create(record)
    const active = await plane.until(record.id, isActive)
    const before = await plane.edgeDirectory.findBinding(record.hostname)

    const now = systemClock.now()
    await plane.store.hostnames.update(record.id, (current) => ({
      record: {
        ...current,
        chains: current.chains.map((chain) =>
          chain.issuance.state === 'issued'
            ? { ...chain, issuance: { ...chain.issuance, renewAt: now, nextAt: now } }
            : chain,
        ),
      },
    }))
    plane.lifecycle.wake()
    const oldIds = active.chains.map((chain) => chain.certificate?.id)
    await plane.until(
      record.id,
      (current) =>
        isActive(current) &&
        current.chains.every((chain) => !oldIds.includes(chain.certificate?.id)),
    )
    const after = await plane.edgeDirectory.findBinding(record.hostname)
    expect(after?.missing).toEqual([])
    expect(after?.chains).toHaveLength(2)
    expect(after?.chains[0]?.sealedKey).not.toEqual(before?.chains[0]?.sealedKey)
    expect(await plane.store.certificates.listByHostname(record.id)).toHaveLength(2)
  })

  it('removes a hostname from the edges first, then from the store', async () => {
    await using plane = await startControlPlane({ inspector: GOOD })
    const record = newRecord()
    await plane.create(record)
    await plane.until(record.id, isActive)
    await plane.store.hostnames.update(record.id, (current) => {
      const next = withNextSerial(current)
      const removal = { requestedAt: systemClock.now(), serial: next.deployment.serial }
      return { record: { ...next, removal } }
    })
    plane.publisher.wake()
    await expect.poll(() => plane.store.hostnames.find(record.id)).toBeUndefined()
    expect(await plane.edgeDirectory.findBinding(record.hostname)).toBeUndefined()
    expect(await plane.store.certificates.listByHostname(record.id)).toEqual([])
  })

  it('fills a directory that was lost from the store', async () => {
    await using plane = await startControlPlane({ inspector: GOOD })
    const record = newRecord()
    await plane.create(record)
    await plane.until(record.id, isActive)
    await plane.directory.withdraw(record.hostname, record.id)
    expect(await plane.edgeDirectory.findBinding(record.hostname)).toBeUndefined()
    expect(await plane.publisher.republish()).toBe(1)
    expect((await plane.edgeDirectory.findBinding(record.hostname))?.chains).toHaveLength(2)
  })
})
