import { describe, expect, it } from 'vitest'

import { requestRemoval } from '#control/api/create-custom-hostname.ts'
import type { Inspector, OwnershipQuestion } from '#control/lifecycle/inspector.ts'
import { rivalTargetsOf } from '#control/lifecycle/rivals.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { parseHostname } from '#domain/hostname.ts'
import { newOwnership } from '#domain/ownership.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import { systemClock } from '#lib/clock.ts'
import { startControlPlane, type ControlPlane } from '#test/control-plane.ts'
import { aHostname, aZone } from '#test/records.ts'

const RIVAL_ZONE = aZone({ id: 'f'.repeat(32), name: 'rival.com', cnameTarget: 'c.rival.com' })

/** The edges answer for every name; `isMoved` says whether DNS names the rival's target. */
function customer({ isMoved }: { isMoved: boolean }): Inspector & { asked: OwnershipQuestion[] } {
  const asked: OwnershipQuestion[] = []
  return {
    asked,
    inspectOwnership: async (question) => {
      asked.push(question)
      if (!question.rivalTargets) return { provedBy: 'http' }
      return isMoved ? { provedBy: 'cname' } : { errors: ['points elsewhere'] }
    },
    inspectChallenge: async () => ({ isReady: true }),
    inspectPermission: async () => ({ isPermitted: true }),
  }
}

function isActive(record: CustomHostname): boolean {
  return hostnameStatus(record) === 'active' && sslStatus(record, systemClock.now()) === 'active'
}

async function createServed(plane: ControlPlane): Promise<CustomHostname> {
  const record = aHostname({}, systemClock.now())
  await plane.create(record)
  return plane.until(record.id, isActive)
}

async function createRival(plane: ControlPlane, of: CustomHostname): Promise<CustomHostname> {
  await plane.store.zones.create(RIVAL_ZONE)
  const { hostname } = of
  const rival = aHostname({ zoneId: RIVAL_ZONE.id, hostname }, systemClock.now())
  await plane.create(rival)
  return rival
}

async function servedFor(
  plane: ControlPlane,
  { hostname }: CustomHostname,
): Promise<[string, readonly string[]] | undefined> {
  const binding = await plane.edgeDirectory.findBinding(hostname)
  return binding && [binding.hostnameId, binding.missing]
}

describe('a name that two zones have', () => {
  it('stays with the zone that it is served for, whoever else creates it', async () => {
    const inspector = customer({ isMoved: false })
    await using plane = await startControlPlane({ inspector })
    const served = await createServed(plane)
    const rival = await createRival(plane, served)
    const denied = await plane.until(
      rival.id,
      ({ ownership }) => ownership.state === 'pending' && ownership.attempts === 1,
    )
    expect(denied.ownership).toMatchObject({ errors: ['points elsewhere'] })
    expect(inspector.asked.map((asked) => asked.rivalTargets)).toEqual([
      undefined,
      [aZone().cnameTarget],
    ])
    expect(await servedFor(plane, served)).toEqual([served.id, []])
  })

  it('is not taken from a wildcard, nor out of service, by being created in another zone', async () => {
    const inspector = customer({ isMoved: false })
    await using plane = await startControlPlane({ inspector })
    const created = aHostname({}, systemClock.now())
    const ssl = created.ssl && { ...created.ssl, method: 'txt' as const, wildcard: true }
    await plane.create({ ...created, ssl })
    const served = await plane.until(created.id, isActive)
    const below = parseHostname(`shop.${served.hostname}`)
    const rival = await createRival(plane, { ...served, hostname: below })
    const denied = await plane.until(
      rival.id,
      ({ ownership }) => ownership.state === 'pending' && ownership.attempts === 1,
    )
    expect(denied.ownership).toMatchObject({ errors: ['points elsewhere'] })
    expect(await servedFor(plane, denied)).toEqual([served.id, []])
    await requestRemoval({ store: plane.store, clock: systemClock }, served.id)
    plane.publisher.wake()
    await expect.poll(async () => (await servedFor(plane, denied))?.[0]).toBe(rival.id)
  })

  it('is not denied to whom it is served for by a wildcard that another zone got later', async () => {
    const inspector = customer({ isMoved: false })
    await using plane = await startControlPlane({ inspector })
    await plane.store.zones.create(RIVAL_ZONE)
    const hostname = parseHostname('shop.customer.com')
    const proof = { state: 'verified', at: 1, by: 'http', serial: 1 } as const
    const own = aHostname({ hostname, ownership: proof, ssl: undefined, chains: [] })
    const { ssl, ...above } = aHostname({
      zoneId: RIVAL_ZONE.id,
      hostname: parseHostname('customer.com'),
      ownership: { ...proof, at: 2 },
      chains: [],
    })
    await plane.store.hostnames.create(own)
    await plane.store.hostnames.create({ ...above, ssl: ssl && { ...ssl, wildcard: true } })
    const options = {
      store: plane.store,
      clock: systemClock,
      onFact: () => {},
      defaultCnameTarget: undefined,
    }
    expect(await rivalTargetsOf(own, [], options)).toBeUndefined()
    const unproved: CustomHostname = { ...own, ownership: newOwnership(0) }
    expect(await rivalTargetsOf(unproved, [], options)).toEqual([RIVAL_ZONE.cnameTarget])
  })

  it('goes to the other zone soon after it was deleted in the first', async () => {
    await using plane = await startControlPlane({ inspector: customer({ isMoved: false }) })
    const served = await createServed(plane)
    const rival = await createRival(plane, served)
    await plane.until(
      rival.id,
      ({ ownership }) => ownership.state === 'pending' && ownership.attempts === 1,
    )
    await requestRemoval({ store: plane.store, clock: systemClock }, served.id)
    plane.publisher.wake()
    await plane.until(rival.id, isActive)
    expect(await servedFor(plane, served)).toEqual([rival.id, []])
  })

  it('is moved for the first zone once its DNS names the second', async () => {
    await using plane = await startControlPlane({ inspector: customer({ isMoved: true }) })
    const served = await createServed(plane)
    const rival = await createRival(plane, served)
    await plane.until(rival.id, isActive)
    const loser = await plane.until(served.id, ({ ownership }) => ownership.state === 'moved')
    const reason = `${served.hostname} was verified for another zone later.`
    expect(loser.ownership).toMatchObject({ errors: [reason] })
    expect(await servedFor(plane, served)).toEqual([rival.id, []])
  })

  it('is moved for the first zone also where the process died right after the second proof', async () => {
    await using plane = await startControlPlane({ inspector: customer({ isMoved: true }) })
    const served = await createServed(plane)
    await plane.store.zones.create(RIVAL_ZONE)
    const now = systemClock.now()
    const { hostname } = served
    const ownership = { state: 'verified', at: now, by: 'cname', serial: now } as const
    await plane.create(aHostname({ zoneId: RIVAL_ZONE.id, hostname, ownership }, now))
    const loser = await plane.until(served.id, (one) => one.ownership.state === 'moved')
    expect(hostnameStatus(loser)).toBe('moved')
  })

  it('goes to the second zone also when the first one wrote by a clock that runs ahead', async () => {
    await using plane = await startControlPlane({ inspector: customer({ isMoved: true }) })
    const served = await createServed(plane)
    const ahead = served.deployment.serial + 3_600_000
    await plane.store.hostnames.update(served.id, (record) => ({
      record: { ...record, deployment: { ...record.deployment, serial: ahead } },
    }))
    plane.publisher.wake()
    await plane.until(served.id, ({ deployment }) => deployment.appliedSerial === ahead)
    const rival = await createRival(plane, served)
    await plane.until(rival.id, isActive)
    expect(await servedFor(plane, served)).toEqual([rival.id, []])
  })
})
