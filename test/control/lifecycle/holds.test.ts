import { describe, expect, it } from 'vitest'

import { editCustomHostname } from '#control/api/edit-custom-hostname.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { NewHold } from '#domain/hold.ts'
import { parseHostname } from '#domain/hostname.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import type { TimelineKind } from '#domain/timeline.ts'
import { systemClock } from '#lib/clock.ts'
import { startControlPlane, type ControlPlane } from '#test/control-plane.ts'
import { aHostname, anActiveHostname, aZone } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'
import { tempDir } from '#test/temp-dir.ts'
import { waitUntil } from '#test/wait.ts'

const DOMAIN = parseHostname('customer.com')
const OTHER_ZONE = aZone({ id: 'f'.repeat(32), name: 'other.com' })

const isBlocked = ({ ownership }: CustomHostname): boolean => ownership.state === 'blocked'
const isActive = (record: CustomHostname): boolean =>
  hostnameStatus(record) === 'active' && sslStatus(record, systemClock.now()) === 'active'

/** As the API does. */
async function hold(plane: ControlPlane, change: Partial<NewHold> = {}): Promise<void> {
  const wanted = { domain: DOMAIN, reason: undefined, includeSubdomains: true, ...change }
  await plane.store.holds.put(wanted, systemClock.now())
  plane.holds.wake()
}

function untilEnforced({ store }: ControlPlane): Promise<void> {
  return waitUntil('the hold is enforced', async () => {
    return (await store.holds.find(DOMAIN))?.enforcedAt !== undefined
  })
}

/** PATCH without a change. */
async function refresh(plane: ControlPlane, id: string): Promise<void> {
  const now = systemClock.now()
  await plane.store.hostnames.update(id, (record) => editCustomHostname(record, {}, now))
  plane.publisher.wake()
  await plane.lifecycle.begin(id)
}

async function create(plane: ControlPlane, change: Partial<CustomHostname> = {}): Promise<string> {
  const record = aHostname(change, systemClock.now())
  await plane.create(record)
  return record.id
}

async function missingOf(plane: ControlPlane, id: string): Promise<readonly string[] | undefined> {
  const record = await plane.store.hostnames.find(id)
  return record && (await plane.edgeDirectory.findBinding(record.hostname))?.missing
}

/** Counts what a customer is asked. */
function countingCustomer(): Inspector & { asked: string[] } {
  const asked: string[] = []
  const note =
    <Answer>(what: string, answer: Answer) =>
    async (): Promise<Answer> => {
      asked.push(what)
      return answer
    }
  return {
    asked,
    inspectOwnership: note('ownership', { provedBy: 'cname' }),
    inspectChallenge: note('challenge', { isReady: true }),
    inspectPermission: note('permission', { isPermitted: true }),
  }
}

describe('a hostname that is created under a hold', () => {
  it('is blocked at once, with the sentence of the specification, and nobody is asked', async () => {
    const inspector = countingCustomer()
    await using plane = await startControlPlane({ inspector })
    await hold(plane)
    const id = await create(plane)
    const record = await plane.store.hostnames.find(id)
    expect(record?.ownership).toMatchObject({
      state: 'blocked',
      reason:
        'The hostname is associated with a held zone. Please contact the owner of this domain to have the hold removed.',
    })
    const states = record?.chains.map(({ issuance }) => issuance.state)
    expect(states).toEqual(['scheduled', 'scheduled'])
    expect(inspector.asked).toEqual([])
  })

  it('is active as ever beside the domain, or below one that is held without subdomains', async () => {
    await using plane = await startControlPlane({ inspector: aCustomer() })
    await hold(plane, { includeSubdomains: false })
    await plane.until(await create(plane), isActive)
    await plane.until(await create(plane, { hostname: parseHostname('notcustomer.com') }), isActive)
    const at = await create(plane, { hostname: DOMAIN })
    expect(hostnameStatus(await plane.until(at, isBlocked))).toBe('blocked')
  })

  it('is blocked again by an edit while the hold is there', async () => {
    await using plane = await startControlPlane({ inspector: aCustomer() })
    await hold(plane)
    const id = await create(plane)
    const first = await plane.until(id, isBlocked)
    await refresh(plane, id)
    const second = await plane.until(
      id,
      (record) => isBlocked(record) && record.deployment.serial > first.deployment.serial,
    )
    expect(second.chains.map(({ certificate }) => certificate)).toEqual([undefined, undefined])
  })
})

describe('a hold that is put', () => {
  it('blocks an active hostname, which is served no more, until release and edit', async () => {
    await using plane = await startControlPlane({ inspector: aCustomer() })
    const id = await create(plane)
    await plane.until(id, isActive)
    expect(await missingOf(plane, id)).toEqual([])

    await hold(plane)
    await plane.until(id, isBlocked)
    await expect.poll(() => missingOf(plane, id)).toEqual([expect.stringContaining('held back')])

    await plane.store.holds.remove(DOMAIN, systemClock.now())
    plane.holds.wake()
    plane.lifecycle.wake()
    const { deployment } = await plane.until(
      id,
      (record) => record.deployment.appliedSerial === record.deployment.serial,
    )
    expect(isBlocked(await plane.until(id, () => true))).toBe(true)

    await refresh(plane, id)
    const revived = await plane.until(id, isActive)
    expect(revived.deployment.serial).toBeGreaterThan(deployment.serial)
    expect(await missingOf(plane, id)).toEqual([])
  })

  it('stands in the timeline of what it blocked, by whom, and so does its removal', async () => {
    await using plane = await startControlPlane({ inspector: aCustomer() })
    const id = await create(plane)
    await plane.until(id, isActive)
    const { holds, timeline } = plane.store
    const wanted = { domain: DOMAIN, reason: undefined, includeSubdomains: true }
    await holds.put(wanted, systemClock.now(), { by: 'token of support' })
    plane.holds.wake()
    await plane.until(id, isBlocked)
    await holds.remove(DOMAIN, systemClock.now(), { by: 'token of sales' })
    plane.holds.wake()
    const listed = async (kind: TimelineKind): Promise<unknown> =>
      (await timeline.list(id, { page: 1, perPage: 10, kind })).items
    await expect
      .poll(() => listed('ownership.released'))
      .toEqual([
        expect.objectContaining({ by: 'token of sales', details: { domain: 'customer.com' } }),
      ])
    expect(await listed('ownership.blocked')).toEqual([
      expect.objectContaining({ by: 'token of support' }),
    ])
    await expect.poll(() => holds.findUnenforced()).toBeUndefined()
  })

  it('whose removal releases nothing that another hold covers says nothing of it', async () => {
    await using plane = await startControlPlane({ inspector: aCustomer() })
    const id = await create(plane)
    const { hostname } = await plane.until(id, isActive)
    await hold(plane, { domain: hostname })
    await hold(plane)
    await plane.until(id, isBlocked)
    await plane.store.holds.remove(hostname, systemClock.now())
    plane.holds.wake()
    await expect.poll(() => plane.store.holds.findUnenforced()).toBeUndefined()
    const page = { page: 1, perPage: 10, kind: 'ownership.released' } as const
    expect((await plane.store.timeline.list(id, page)).total).toBe(0)
  })

  it('blocks every hostname at and below the domain, in every zone, and then is enforced', async () => {
    await using plane = await startControlPlane({ inspector: aCustomer() })
    await plane.store.zones.create(OTHER_ZONE)
    const hostname = parseHostname('shared.customer.com')
    const records = [
      anActiveHostname({ hostname: DOMAIN }),
      anActiveHostname({ hostname }),
      anActiveHostname({ hostname, zoneId: OTHER_ZONE.id }),
      ...Array.from({ length: 120 }, () => anActiveHostname()),
    ]
    const beside = anActiveHostname({ hostname: parseHostname('notcustomer.com') })
    await Promise.all([...records, beside].map((one) => plane.store.hostnames.create(one)))
    await hold(plane)
    await untilEnforced(plane)
    for (const { id } of records) {
      expect(hostnameStatus(await plane.until(id, () => true))).toBe('blocked')
    }
    expect(isBlocked(await plane.until(beside.id, () => true))).toBe(false)
  })

  it('leaves a hostname alone that has left its zone', async () => {
    await using plane = await startControlPlane({ inspector: aCustomer() })
    const deleted = { state: 'deleted', since: 1, errors: [] } as const
    const gone = anActiveHostname({ ownership: deleted })
    const again = anActiveHostname({ hostname: gone.hostname })
    await plane.store.hostnames.create(gone)
    await plane.store.hostnames.create(again)
    await hold(plane)
    await untilEnforced(plane)
    expect(isBlocked(await plane.until(again.id, () => true))).toBe(true)
    expect((await plane.store.hostnames.find(gone.id))?.ownership).toEqual(deleted)
  })

  it('stops what is being looked at just then', async () => {
    const looking = Promise.withResolvers<void>()
    const answering = Promise.withResolvers<void>()
    const inspector = aCustomer({
      inspectOwnership: async () => {
        looking.resolve()
        await answering.promise
        return { provedBy: 'cname' }
      },
    })
    await using plane = await startControlPlane({ inspector })
    // Without a certificate nothing else of it would become due, and be stopped by that.
    const id = await create(plane, { ssl: undefined, chains: [] })
    await looking.promise
    // Nothing is woken: as if the enforcement had been here, and an edit undone it.
    const wanted = { domain: DOMAIN, reason: undefined, includeSubdomains: true }
    const put = await plane.store.holds.put(wanted, systemClock.now())
    await plane.store.holds.noteEnforced(put, systemClock.now())
    answering.resolve()
    expect(hostnameStatus(await plane.until(id, isBlocked))).toBe('blocked')
  })

  it('ends renewals', async () => {
    await using plane = await startControlPlane({ inspector: aCustomer() })
    const id = await create(plane)
    const { chains } = await plane.until(id, isActive)
    const wanted = { domain: DOMAIN, reason: undefined, includeSubdomains: true }
    const put = await plane.store.holds.put(wanted, systemClock.now())
    await plane.store.holds.noteEnforced(put, systemClock.now())
    await plane.store.hostnames.update(id, (record) => ({
      record: {
        ...record,
        chains: record.chains.map((chain) => ({
          ...chain,
          issuance: { state: 'scheduled', nextAt: systemClock.now(), failures: 0 },
        })),
      },
    }))
    plane.lifecycle.wake()
    const blocked = await plane.until(id, isBlocked)
    const certificates = chains.map(({ certificate }) => certificate)
    expect(blocked.chains.map(({ certificate }) => certificate)).toEqual(certificates)
    expect(blocked.chains.map(({ issuance }) => issuance.state)).toEqual(['scheduled', 'scheduled'])
  })

  it('is enforced by the next process where one dies before it has', async () => {
    using dir = tempDir()
    const options = { inspector: aCustomer(), dir: dir.path }
    const record = anActiveHostname()
    await using first = await startControlPlane(options)
    await first.store.hostnames.create(record)
    await first.holds.close()
    await hold(first)
    await first[Symbol.asyncDispose]()
    await using second = await startControlPlane(options)
    expect(hostnameStatus(await second.until(record.id, isBlocked))).toBe('blocked')
  })
})
