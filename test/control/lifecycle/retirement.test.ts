import { describe, expect, it } from 'vitest'

import { IssuerError, type Issuer } from '#control/ca/issuer.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import { DirectoryError } from '#directory/directory.ts'
import type { OwnershipProof } from '#domain/ownership.ts'
import { hostnameStatus } from '#domain/status.ts'
import { OWNERSHIP_PATH, type CustomHostname } from '#domain/custom-hostname.ts'
import { systemClock } from '#lib/clock.ts'
import { alteredIssuer } from '#test/altered-issuer.ts'
import { startControlPlane, type ControlPlane } from '#test/control-plane.ts'
import { aHostname } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'

const DAY = 86_400_000

/** A customer who has done everything right until he leaves. */
function customer(): Inspector & { leave(): void; comeBack(): void } {
  let isHere = true
  return {
    leave: () => void (isHere = false),
    comeBack: () => void (isHere = true),
    ...aCustomer({
      inspectOwnership: async () =>
        isHere
          ? { provedBy: 'cname' }
          : { errors: ['custom hostname does not CNAME to this zone.'] },
      inspectChallenge: async () =>
        isHere ? { isReady: true } : { isReady: false, problem: 'it leads elsewhere' },
    }),
  }
}

async function createServed(plane: ControlPlane): Promise<CustomHostname> {
  const record = aHostname({}, systemClock.now())
  await plane.create(record)
  return plane.until(record.id, (one) =>
    one.chains.every((chain) => chain.issuance.state === 'issued'),
  )
}

/** Proved long ago; its last certificates are over. */
async function createRunOut(plane: ControlPlane, by: OwnershipProof): Promise<CustomHostname> {
  const record = aHostname({}, systemClock.now())
  const over = { id: 'over', notBefore: 0, notAfter: systemClock.now() - 1 }
  const runOut: CustomHostname = {
    ...record,
    ownership: { state: 'verified', at: 1, by, serial: 1 },
    chains: record.chains.map((chain) => ({ ...chain, certificate: over })),
  }
  await plane.create(runOut)
  return runOut
}

/** As if time had passed: both chains are due, and end at `notAfter`. */
async function age(plane: ControlPlane, id: string, notAfter: number): Promise<void> {
  const now = systemClock.now()
  await plane.store.hostnames.update(id, (record) => ({
    record: {
      ...record,
      chains: record.chains.map((chain) => ({
        ...chain,
        certificate: chain.certificate && {
          ...chain.certificate,
          notBefore: notAfter - 90 * DAY,
          notAfter,
        },
        issuance:
          chain.issuance.state === 'issued'
            ? { ...chain.issuance, renewAt: now, nextAt: now }
            : chain.issuance,
      })),
    },
  }))
  plane.lifecycle.wake()
}

const isWaiting = ({ chains }: CustomHostname): boolean =>
  chains.some(({ issuance }) => issuance.state === 'ordered' && issuance.attempts > 0)

describe('a customer who left', () => {
  it('is served while the certificate is valid, and no CA is bothered', async () => {
    const inspector = customer()
    await using plane = await startControlPlane({ inspector, authorizationReuseMs: 0 })
    const { id, hostname } = await createServed(plane)
    inspector.leave()
    await age(plane, id, systemClock.now() + 10 * DAY)
    const seen = await plane.until(id, isWaiting)
    expect(seen.ownership.state).toBe('verified')
    expect(seen.chains[0]?.issuance).toMatchObject({ problem: 'it leads elsewhere' })
    expect((await plane.edgeDirectory.findBinding(hostname))?.missing).toEqual([])
  })

  it('is moved once the last certificate is over, says why, and is served no more', async () => {
    const inspector = customer()
    await using plane = await startControlPlane({ inspector, authorizationReuseMs: 0 })
    const { id, hostname } = await createServed(plane)
    inspector.leave()
    await age(plane, id, systemClock.now() - 1)
    const seen = await plane.until(id, ({ ownership }) => ownership.state === 'moved')
    expect(seen.ownership).toMatchObject({
      errors: ['custom hostname does not CNAME to this zone.'],
    })
    expect(hostnameStatus(seen)).toBe('moved')
    await expect
      .poll(async () => (await plane.edgeDirectory.findBinding(hostname))?.missing.length)
      .toBeGreaterThan(0)
  })

  it('is not taken for gone where it is we who cannot look', async () => {
    const inspector = customer()
    let isBlind = false
    const blind: Inspector = {
      ...inspector,
      inspectOwnership: async (question, signal) => {
        const finding = await inspector.inspectOwnership(question, signal)
        return isBlind && 'errors' in finding ? { ...finding, isOurs: true } : finding
      },
    }
    await using plane = await startControlPlane({ inspector: blind, authorizationReuseMs: 0 })
    const { id } = await createServed(plane)
    isBlind = true
    inspector.leave()
    await age(plane, id, systemClock.now() - 1)
    await plane.until(id, isWaiting)
    await plane.lifecycle.close()
    expect((await plane.store.hostnames.find(id))?.ownership.state).toBe('verified')
  })

  it('is moved also where his servers take all the time that they are given', async () => {
    const inspector = customer()
    const slow: Inspector = {
      ...inspector,
      inspectOwnership: async (question, signal) => {
        if (hasLeft) await systemClock.sleep(9_000, signal)
        return inspector.inspectOwnership(question, signal)
      },
      inspectChallenge: async (challenge, signal) => {
        if (hasLeft) await systemClock.sleep(9_000, signal)
        return inspector.inspectChallenge(challenge, signal)
      },
    }
    let hasLeft = false
    await using plane = await startControlPlane({ inspector: slow, authorizationReuseMs: 0 })
    const { id } = await createServed(plane)
    hasLeft = true
    inspector.leave()
    await age(plane, id, systemClock.now() - 1)
    const seen = await plane.until(id, ({ ownership }) => ownership.state === 'moved')
    expect(hostnameStatus(seen)).toBe('moved')
  })

  it('is moved also where no CA would take an order for the name', async () => {
    const inspector = customer()
    let isRefusing = false
    const issuer = (built: Issuer): Issuer =>
      alteredIssuer(built, {
        openOrder: (request, signal) =>
          isRefusing
            ? Promise.reject(new IssuerError('rejected', 'not this name'))
            : built.openOrder(request, signal),
      })
    await using plane = await startControlPlane({ inspector, issuer, authorizationReuseMs: 0 })
    const { id } = await createServed(plane)
    inspector.leave()
    isRefusing = true
    await age(plane, id, systemClock.now() - 1)
    await plane.until(id, ({ chains }) =>
      chains.some(({ issuance }) => issuance.state === 'scheduled'),
    )
    await plane.store.hostnames.update(id, (record) => ({
      record: {
        ...record,
        chains: record.chains.map((chain) => ({
          ...chain,
          issuance: { state: 'scheduled', nextAt: systemClock.now(), failures: 1 },
        })),
      },
    }))
    plane.lifecycle.wake()
    const seen = await plane.until(id, ({ ownership }) => ownership.state === 'moved')
    expect(hostnameStatus(seen)).toBe('moved')
  })

  it('is not taken for gone who is only seen to lead here by what the edges answer', async () => {
    const inspector: Inspector = {
      ...aCustomer(),
      inspectOwnership: async ({ hostname, hostnameId, token }) => {
        const path = `${OWNERSHIP_PATH}${hostnameId}`
        const answer = await plane.edgeDirectory.findAnswer(hostname, path, systemClock.now())
        return answer?.body === token ? { provedBy: 'http' } : { errors: ['no token'] }
      },
      inspectChallenge: async () => ({ isReady: false, problem: 'port 80 is closed' }),
    }
    await using plane = await startControlPlane({ inspector, authorizationReuseMs: 0 })
    const record = await createRunOut(plane, 'http')
    await plane.until(record.id, isWaiting)
    await plane.lifecycle.close()
    expect((await plane.store.hostnames.find(record.id))?.ownership.state).toBe('verified')
  })

  it('is ordered for once while the directory is away', async () => {
    const opened: string[] = []
    const issuer = (built: Issuer): Issuer =>
      alteredIssuer(built, {
        openOrder: (request, signal) => {
          opened.push(request.keyAlgorithm)
          return built.openOrder(request, signal)
        },
      })
    const inspector = customer()
    await using plane = await startControlPlane({ inspector, issuer, authorizationReuseMs: 0 })
    plane.directory.putAnswer = () => Promise.reject(new DirectoryError('unavailable', 'away'))
    const record = await createRunOut(plane, 'cname')
    await plane.until(record.id, ({ chains }) => chains[0]?.issuance.state === 'ordered')
    await plane.lifecycle.close()
    expect(opened.filter((algorithm) => algorithm === 'ecdsa')).toHaveLength(1)
  })

  it('who comes back before the end is renewed', async () => {
    const inspector = customer()
    await using plane = await startControlPlane({ inspector, authorizationReuseMs: 0 })
    const { id, chains: before } = await createServed(plane)
    inspector.leave()
    await age(plane, id, systemClock.now() + DAY)
    await plane.until(id, isWaiting)
    inspector.comeBack()
    await age(plane, id, systemClock.now() + DAY)
    await plane.store.hostnames.update(id, (record) => ({
      record: {
        ...record,
        chains: record.chains.map((chain) => ({
          ...chain,
          issuance: { ...chain.issuance, nextAt: systemClock.now() },
        })),
      },
    }))
    plane.lifecycle.wake()
    const seen = await plane.until(id, ({ chains }) =>
      chains.every(({ issuance }) => issuance.state === 'issued'),
    )
    const old = before.map(({ certificate }) => certificate?.id)
    for (const { certificate } of seen.chains) expect(old).not.toContain(certificate?.id)
  })

  it('is not taken for one who left while the name leads here, whatever else is wrong', async () => {
    const inspector: Inspector = {
      ...aCustomer(),
      inspectChallenge: async () => ({ isReady: false, problem: 'port 80 is closed' }),
    }
    await using plane = await startControlPlane({ inspector, authorizationReuseMs: 0 })
    const record = await createRunOut(plane, 'cname')
    const seen = await plane.until(record.id, isWaiting)
    expect(seen.ownership.state).toBe('verified')
  })
})
