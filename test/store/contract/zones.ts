import { describe, expect, it } from 'vitest'

import { parseOrigin } from '#domain/origin.ts'
import { aHostname, anActiveHostname, aZone, NOON } from '#test/records.ts'

import { createAll, drainOutbox, openWithZone, type OpenStore } from './store-under-test.ts'

export function zonesContract(open: OpenStore): void {
  describe('zones', () => {
    it('are found by id and by name as they were created', async () => {
      await using opened = await open()
      const { zones } = opened.store
      const full = aZone()
      const bare = aZone({
        id: 'b'.repeat(32),
        name: 'bare',
        fallbackOrigin: undefined,
        cnameTarget: undefined,
        settings: { alwaysUseHttps: false },
      })
      await zones.create(full)
      await zones.create(bare)
      expect(await zones.find(full.id)).toEqual(full)
      expect(await zones.findByName('bare')).toEqual(bare)
    })

    it('are undefined where there is none', async () => {
      await using opened = await open()
      expect(await opened.store.zones.find('nobody')).toBeUndefined()
      expect(await opened.store.zones.findByName('nobody')).toBeUndefined()
      expect(await opened.store.zones.update('nobody', (zone) => zone)).toBeUndefined()
      expect(await opened.store.zones.remove('nobody')).toBe(false)
    })

    it('refuse a name or an id that is taken', async () => {
      await using opened = await open()
      const { zones } = opened.store
      await zones.create(aZone())
      const sameName = zones.create(aZone({ id: 'b'.repeat(32) }))
      await expect(sameName).rejects.toMatchObject({ name: 'StoreError', kind: 'duplicate' })
      await expect(sameName).rejects.toThrow('saas.com')
      const sameId = zones.create(aZone({ name: 'other' }))
      await expect(sameId).rejects.toMatchObject({ kind: 'duplicate' })
    })

    it('are listed in pages with the total, by age or by name', async () => {
      await using opened = await open()
      const { zones } = opened.store
      for (const [index, name] of ['c', 'a', 'b'].entries()) {
        await zones.create(aZone({ id: String(index).repeat(32), name, createdAt: NOON + index }))
      }
      const names = async (...args: Parameters<typeof zones.list>): Promise<unknown> => {
        const { items, total } = await zones.list(...args)
        return [items.map((zone) => zone.name).join(''), total]
      }
      expect(await names({ page: 1, perPage: 2 })).toEqual(['ca', 3])
      expect(await names({ page: 2, perPage: 2 })).toEqual(['b', 3])
      expect(await names({ page: 3, perPage: 2 })).toEqual(['', 3])
      expect(await names({ page: 1, perPage: 5, order: 'hostname' })).toEqual(['abc', 3])
      expect(await names({ page: 1, perPage: 5, direction: 'desc' })).toEqual(['bac', 3])
      expect(await names({ page: 1, perPage: 5, name: 'b' })).toEqual(['b', 1])
    })

    it('change by what the function returns', async () => {
      await using opened = await open()
      const { zones } = opened.store
      await zones.create(aZone())
      const after = await zones.update(aZone().id, (zone) => ({
        ...zone,
        cnameTarget: 'x.saas.com',
      }))
      expect(after).toEqual(aZone({ cnameTarget: 'x.saas.com' }))
      expect(await zones.find(aZone().id)).toEqual(after)
    })

    it('stay as they are when the function throws', async () => {
      await using opened = await open()
      const { zones } = opened.store
      await zones.create(aZone())
      const refused = new Error('refused')
      const update = zones.update(aZone().id, () => {
        throw refused
      })
      await expect(update).rejects.toBe(refused)
      expect(await zones.find(aZone().id)).toEqual(aZone())
    })

    it('are removed only when they are empty', async () => {
      await using opened = await openWithZone(open)
      const { zones, hostnames } = opened.store
      const record = aHostname()
      await hostnames.create(record)
      await expect(zones.remove(record.zoneId)).rejects.toMatchObject({ kind: 'not-empty' })
      await hostnames.remove(record.id)
      expect(await zones.remove(record.zoneId)).toBe(true)
      expect(await zones.find(record.zoneId)).toBeUndefined()
    })

    it('give every hostname its next serial when they are republished, and no other', async () => {
      await using opened = await openWithZone(open)
      const { zones, hostnames, outbox } = opened.store
      const other = aZone({ id: 'b'.repeat(32), name: 'other' })
      await zones.create(other)
      const mine = [aHostname(), anActiveHostname(), anActiveHostname()]
      const theirs = anActiveHostname({ zoneId: other.id })
      await createAll(opened.store, [...mine, theirs])
      await drainOutbox(opened.store)

      const origin = parseOrigin('new.saas.com')
      const fallbackOrigin = { origin, createdAt: NOON, updatedAt: NOON, state: 'active' } as const
      await zones.update(aZone().id, (zone) => ({ ...zone, fallbackOrigin }), { republish: true })

      const expected = mine.map(({ id, deployment: { serial } }) => ({
        hostnameId: id,
        serial: serial + 1,
      }))
      const rows = await outbox.list(10)
      expect(new Set(rows)).toEqual(new Set(expected))
      for (const { id, deployment } of mine) {
        const now = await hostnames.find(id)
        expect(now?.deployment).toMatchObject({
          serial: deployment.serial + 1,
          appliedSerial: deployment.appliedSerial,
        })
      }
      expect((await hostnames.find(theirs.id))?.deployment.serial).toBe(theirs.deployment.serial)
    })

    it('find republished hostnames by their new status', async () => {
      await using opened = await openWithZone(open)
      const { zones, hostnames } = opened.store
      const [active, pending] = [anActiveHostname(), aHostname()]
      await createAll(opened.store, [active, pending])
      await drainOutbox(opened.store, '7')
      await zones.update(aZone().id, (zone) => zone, { republish: true })
      const idsWith = async (hostnameStatus: 'active' | 'active_redeploying' | 'pending') => {
        const page = { page: 1, perPage: 10 }
        const { items } = await hostnames.list(aZone().id, { hostnameStatus }, page)
        return items.map(({ id }) => id)
      }
      expect(await idsWith('active')).toEqual([])
      expect(await idsWith('active_redeploying')).toEqual([active.id])
      expect(await idsWith('pending')).toEqual([pending.id])
      const undeployed = await hostnames.listUndeployed(10)
      expect(undeployed.map(({ id }) => id)).toEqual([pending.id, active.id])
    })
  })
}
