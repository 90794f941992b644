import { describe, expect, it } from 'vitest'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Store } from '#store/store.ts'
import { aHostname, anActiveHostname, NOON } from '#test/records.ts'

import { createAll, openWithZone, type OpenStore } from './store-under-test.ts'

const LEASE = 1_000

const dueAfter = (ms: number): CustomHostname => aHostname({}, NOON + ms)
const never = (): CustomHostname =>
  aHostname({ ownership: { state: 'blocked', since: NOON, reason: 'held' } })

async function claimDue(store: Store, now: number, limit = 10): Promise<string[]> {
  const claimed = await store.hostnames.claimDue(now, { leaseMs: LEASE, limit, again: false })
  return claimed.map(({ id }) => id)
}

export function leasesContract(open: OpenStore): void {
  describe('leases', () => {
    it('are given for what is due, the longest due first, up to the limit', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const [third, first, second, later] = [dueAfter(3), dueAfter(1), dueAfter(2), dueAfter(4)]
      await createAll(store, [third, first, second, later, never(), anActiveHostname()])
      expect(await claimDue(store, NOON)).toEqual([])
      expect(await claimDue(store, NOON + 3, 2)).toEqual([first.id, second.id])
      expect(await claimDue(store, NOON + 3)).toEqual([third.id])
      expect(await claimDue(store, NOON + 4)).toEqual([later.id])
    })

    it('are given apart for what is looked at again', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const again = aHostname({
        ownership: { state: 'pending', since: NOON, attempts: 1, nextAt: NOON + 5, errors: [] },
        chains: [],
      })
      await createAll(opened.store, [again, dueAfter(7)])
      expect(await hostnames.nextDueAt(true)).toBe(NOON + 5)
      expect(await hostnames.nextDueAt(false)).toBe(NOON + 7)
      const options = { leaseMs: LEASE, limit: 10, again: true }
      expect(await hostnames.claimDue(NOON + 9, options)).toEqual([again])
      expect(await claimDue(opened.store, NOON + 9)).toHaveLength(1)
    })

    it('that were given before the clock was set far back are none', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const records = [dueAfter(0), dueAfter(1)]
      const ids = records.map(({ id }) => id)
      await createAll(store, records)
      const aYear = 365 * 86_400_000
      expect(await claimDue(store, NOON + aYear)).toEqual(ids)
      expect(await store.hostnames.claim(records[1]?.id ?? '', NOON + 2, LEASE)).toBeDefined()
      expect(await claimDue(store, NOON + 2)).toEqual(ids.slice(0, 1))
    })

    it('are longer where their holder needs it', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = dueAfter(0)
      await createAll(store, [record])
      expect(await claimDue(store, NOON)).toEqual([record.id])
      await store.hostnames.extendLease(record.id, NOON + 3 * LEASE)
      expect(await claimDue(store, NOON + LEASE + 1)).toEqual([])
      expect(await claimDue(store, NOON + 3 * LEASE)).toEqual([record.id])
    })

    it('are given with the whole record', async () => {
      await using opened = await openWithZone(open)
      const record = dueAfter(0)
      await opened.store.hostnames.create(record)
      const options = { leaseMs: LEASE, limit: 1, again: false }
      expect(await opened.store.hostnames.claimDue(NOON, options)).toEqual([record])
    })

    it('keep others off until they end, to the millisecond', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = dueAfter(0)
      await store.hostnames.create(record)
      expect(await claimDue(store, NOON)).toEqual([record.id])
      expect(await claimDue(store, NOON + LEASE - 1)).toEqual([])
      expect(await store.hostnames.claim(record.id, NOON + LEASE - 1, LEASE)).toBeUndefined()
      expect(await claimDue(store, NOON + LEASE)).toEqual([record.id])
    })

    it('know how many hostnames have a certificate that ends by an instant', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const record = anActiveHostname()
      await createAll(opened.store, [record, anActiveHostname(), aHostname()])
      const ends = record.chains.map(({ certificate }) => certificate?.notAfter ?? 0)
      expect(await hostnames.countExpiringBy(Math.min(...ends) - 1)).toBe(0)
      expect(await hostnames.countExpiringBy(Math.min(...ends))).toBe(2)
    })

    it('can be had for one record, due or not', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const record = dueAfter(5_000)
      await hostnames.create(record)
      expect(await hostnames.claim(record.id, NOON, LEASE)).toEqual(record)
      expect(await hostnames.claim(record.id, NOON + 1, LEASE)).toBeUndefined()
      expect(await hostnames.claim('nobody', NOON, LEASE)).toBeUndefined()
    })

    it('end early when they are released', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = dueAfter(0)
      await store.hostnames.create(record)
      await claimDue(store, NOON)
      await store.hostnames.release(record.id)
      expect(await claimDue(store, NOON)).toEqual([record.id])
      await store.hostnames.release('nobody')
    })

    it('are not touched by an update', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = dueAfter(0)
      await store.hostnames.create(record)
      await claimDue(store, NOON)
      await store.hostnames.update(record.id, (read) => ({
        record: { ...read, customOriginSni: 'x.com' },
      }))
      expect(await claimDue(store, NOON + 1)).toEqual([])
    })

    it('are not given for what is no longer due', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = dueAfter(0)
      await store.hostnames.create(record)
      const removal = { requestedAt: NOON, serial: record.deployment.serial }
      await store.hostnames.update(record.id, (read) => ({ record: { ...read, removal } }))
      expect(await claimDue(store, NOON)).toEqual([])
      expect(await store.hostnames.nextDueAt(false)).toBeUndefined()
    })

    it('are told ahead: the earliest instant at which one could be had', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const nextDueAt = () => store.hostnames.nextDueAt(false)
      expect(await nextDueAt()).toBeUndefined()
      await store.hostnames.create(never())
      expect(await nextDueAt()).toBeUndefined()
      const [first, second] = [dueAfter(0), dueAfter(LEASE * 2)]
      await createAll(store, [first, second])
      expect(await nextDueAt()).toBe(NOON)
      await claimDue(store, NOON)
      expect(await nextDueAt()).toBe(NOON + LEASE)
      await store.hostnames.claim(second.id, NOON, LEASE * 3)
      expect(await nextDueAt()).toBe(NOON + LEASE)
      await store.hostnames.claim(first.id, NOON + LEASE, LEASE * 5)
      expect(await nextDueAt()).toBe(NOON + LEASE * 3)
      await store.hostnames.release(second.id)
      expect(await nextDueAt()).toBe(NOON + LEASE * 2)
      await store.hostnames.release(first.id)
      expect(await nextDueAt()).toBe(NOON)
    })
  })
}
