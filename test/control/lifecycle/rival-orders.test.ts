import { describe, expect, it } from 'vitest'

import { requestRemoval } from '#control/api/create-custom-hostname.ts'
import type { Budget } from '#control/ca/budget.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import { chainOf, type CustomHostname } from '#domain/custom-hostname.ts'
import { newIssuance, type Issuance } from '#domain/issuance.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import { systemClock } from '#lib/clock.ts'
import { startControlPlane, type ControlPlane } from '#test/control-plane.ts'
import { anOrderAt, fakeIssuer } from '#test/fake-issuer.ts'
import { aHostname, aZone, NOON } from '#test/records.ts'
import { aCustomer, stepsWith } from '#test/steps.ts'
import { UNLIMITED } from '#test/unlimited-budget.ts'

const RIVAL_ZONE = aZone({ id: 'f'.repeat(32), name: 'rival.com', cnameTarget: 'c.rival.com' })
const SERVED =
  'is served for another zone: this one gets a certificate for it when its ownership is proved, or by method txt.'

/** The edges answer for every name; `isMoved()` says whether its DNS names the rival's target. */
function customer(isMoved: () => boolean): Inspector {
  return aCustomer({
    inspectOwnership: async ({ rivalTargets }) =>
      !rivalTargets || isMoved() ? { provedBy: 'cname' } : { errors: ['points elsewhere'] },
  })
}

/** Counts the orders by zone. */
function counting(orders: Map<string, number>): Budget {
  return {
    ...UNLIMITED,
    take: async ({ zoneId }) => {
      orders.set(zoneId, (orders.get(zoneId) ?? 0) + 1)
      return { granted: true }
    },
  }
}

function isActive(record: CustomHostname): boolean {
  return hostnameStatus(record) === 'active' && sslStatus(record, systemClock.now()) === 'active'
}

async function createServed(plane: ControlPlane): Promise<CustomHostname> {
  await plane.store.zones.create(RIVAL_ZONE)
  const record = aHostname({}, systemClock.now())
  await plane.create(record)
  return plane.until(record.id, isActive)
}

async function createRival(
  plane: ControlPlane,
  { hostname }: CustomHostname,
): Promise<CustomHostname> {
  const rival = aHostname({ zoneId: RIVAL_ZONE.id, hostname }, systemClock.now())
  await plane.create(rival)
  return plane.until(
    rival.id,
    ({ ownership }) => ownership.state !== 'pending' || ownership.attempts > 0,
  )
}

function problemOf(record: CustomHostname): unknown {
  return chainOf(record, 'ecdsa')?.issuance
}

async function remove(plane: ControlPlane, { id }: CustomHostname): Promise<void> {
  await requestRemoval({ store: plane.store, clock: systemClock }, id)
  plane.publisher.wake()
  await expect.poll(() => plane.store.hostnames.find(id)).toBeUndefined()
}

describe('a name that is served for another zone', () => {
  it('gets no order however often it is created, until it is the other’s', async () => {
    const orders = new Map<string, number>()
    let isMoved = false
    const inspector = customer(() => isMoved)
    await using plane = await startControlPlane({ inspector, budget: () => counting(orders) })
    const served = await createServed(plane)
    for (let round = 0; round < 3; round++) {
      const rival = await createRival(plane, served)
      expect(problemOf(rival)).toMatchObject({
        state: 'scheduled',
        failures: 0,
        problem: `${served.hostname} ${SERVED}`,
      })
      await remove(plane, rival)
    }
    expect(orders.get(RIVAL_ZONE.id)).toBeUndefined()
    isMoved = true
    const winner = await createRival(plane, served)
    await plane.until(winner.id, isActive)
    expect(orders.get(RIVAL_ZONE.id)).toBe(2)
  }, 20_000)

  it('gets its order at once when the other one goes', async () => {
    const orders = new Map<string, number>()
    const inspector = customer(() => false)
    await using plane = await startControlPlane({ inspector, budget: () => counting(orders) })
    const served = await createServed(plane)
    const rival = await createRival(plane, served)
    expect(orders.get(RIVAL_ZONE.id)).toBeUndefined()
    await remove(plane, served)
    await plane.until(rival.id, isActive)
    expect(orders.get(RIVAL_ZONE.id)).toBe(2)
  }, 20_000)
})

describe('a name of method txt that is served for another zone', () => {
  const { ssl } = aHostname()
  const txt = ssl && { ssl: { ...ssl, method: 'txt' as const } }
  const isServedElsewhere = async (): Promise<boolean> => true
  const ordered = (challenges = anOrderAt('one').challenges): Issuance => ({
    state: 'ordered',
    order: { ...anOrderAt('one'), challenges },
    since: NOON,
    attempts: 0,
    nextAt: NOON,
    failures: 0,
  })

  it('shows its token, and is proved by that alone', async () => {
    const looked: string[] = []
    let isPlaced = false
    const one = fakeIssuer('one')
    const inspector = aCustomer({
      inspectChallenge: async ({ type }) => {
        looked.push(type)
        const isReady = type !== 'dns-01' || isPlaced
        return isReady ? { isReady } : { isReady: false, problem: 'no TXT record' }
      },
    })
    const steps = stepsWith([one], { isServedElsewhere, inspector })
    const open = await steps.advance(newIssuance(NOON), txt)
    expect(open).toMatchObject({ state: 'ordered' })
    expect(await steps.advance(open, txt)).toMatchObject({ problem: 'no TXT record' })
    isPlaced = true
    expect(await steps.advance(open, txt)).toMatchObject({ state: 'validating', via: 'dns-01' })
    expect(new Set(looked)).toEqual(new Set(['dns-01']))
    expect(one.begun.flat().map(({ type }) => type)).toEqual(['dns-01'])
  })

  it('is not proved by what the CA has seen of it before', async () => {
    const asked: string[] = []
    const one = fakeIssuer('one', {
      checkOrder: async ({ url }) => {
        asked.push(url)
        return { state: 'ready' }
      },
    })
    const steps = stepsWith([one], { isServedElsewhere })
    const after = await steps.advance(ordered([]), txt)
    expect(after).toMatchObject({ state: 'ordered', problem: expect.stringContaining(SERVED) })
    expect(asked).toEqual([])
    const own = {
      ...txt,
      ownership: { state: 'verified', at: NOON, by: 'cname', serial: 1 } as const,
    }
    expect(await steps.advance(ordered([]), own)).toMatchObject({ state: 'finalizing' })
  })

  it('goes on with an order of method http by its TXT record only', async () => {
    const inspector = aCustomer({
      inspectChallenge: async ({ type }) =>
        type === 'dns-01' ? { isReady: false, problem: 'no TXT record' } : { isReady: true },
    })
    const steps = stepsWith([fakeIssuer('one')], { isServedElsewhere, inspector })
    expect(await steps.advance(ordered())).toMatchObject({ state: 'ordered', attempts: 1 })
  })
})
