import { describe, expect, it } from 'vitest'

import type { NewHold } from '#domain/hold.ts'
import { parseHostname } from '#domain/hostname.ts'
import type { Store } from '#store/store.ts'
import { aHostname, aZone, NOON } from '#test/records.ts'

import { createAll, openWithZone, type OpenStore } from './store-under-test.ts'

const DOMAIN = parseHostname('customer.com')

function aHold(change: Partial<NewHold> = {}): NewHold {
  return { domain: DOMAIN, reason: 'asked for by its owner', includeSubdomains: true, ...change }
}

const named = (name: string, zoneId = aZone().id) =>
  aHostname({ hostname: parseHostname(name), zoneId })

export function holdsContract(open: OpenStore): void {
  describe('holds', () => {
    it('are undefined where there is none', async () => {
      await using opened = await open()
      const { holds } = opened.store
      expect(await holds.find(DOMAIN)).toBeUndefined()
      expect(await holds.findCovering(DOMAIN)).toBeUndefined()
      expect(await holds.findUnenforced()).toBeUndefined()
      expect(await holds.remove(DOMAIN, NOON)).toBe(false)
      expect(await holds.list({ page: 1, perPage: 5 })).toEqual({ items: [], total: 0 })
    })

    it('are found as they were put, also by another process, until they are removed', async () => {
      await using opened = await open()
      await using other = await opened.openAgain()
      const put = await opened.store.holds.put(aHold(), NOON, { by: 'support' })
      const instants = { createdAt: NOON, updatedAt: NOON, enforcedAt: undefined }
      expect(put).toEqual({ ...aHold(), ...instants, by: 'support', removedAt: undefined })
      expect(await other.holds.find(DOMAIN)).toEqual(put)
      expect(await opened.store.holds.remove(DOMAIN, NOON)).toBe(true)
      expect(await other.holds.find(DOMAIN)).toBeUndefined()
    })

    it('are replaced when they are put again, and keep the time of the first', async () => {
      await using opened = await open()
      const { holds } = opened.store
      await holds.noteEnforced(await holds.put(aHold(), NOON), NOON)
      const again = aHold({ reason: undefined, includeSubdomains: false })
      const put = await holds.put(again, NOON)
      expect(put).toMatchObject({ ...again, createdAt: NOON, updatedAt: NOON + 1 })
      expect(put.enforcedAt).toBeUndefined()
      expect(await holds.find(DOMAIN)).toEqual(put)
      expect((await holds.put(again, NOON + 5)).updatedAt).toBe(NOON + 5)
      expect((await holds.list({ page: 1, perPage: 5 })).total).toBe(1)
    })

    it.each([
      ['customer.com', true],
      ['app.customer.com', true],
      ['a.b.c.customer.com', true],
      ['notcustomer.com', false],
      ['customer.com.org', false],
      ['other.com', false],
    ])('that include subdomains cover %s: %s', async (name, isCovered) => {
      await using opened = await open()
      await opened.store.holds.put(aHold(), NOON)
      const found = await opened.store.holds.findCovering(parseHostname(name))
      expect(found?.domain).toBe(isCovered ? DOMAIN : undefined)
    })

    it('that do not include subdomains cover their own name only', async () => {
      await using opened = await open()
      const { holds } = opened.store
      await holds.put(aHold({ includeSubdomains: false }), NOON)
      expect((await holds.findCovering(DOMAIN))?.domain).toBe(DOMAIN)
      expect(await holds.findCovering(parseHostname('app.customer.com'))).toBeUndefined()
    })

    it('are found nearest first', async () => {
      await using opened = await open()
      const { holds } = opened.store
      const [near, exact] = [parseHostname('b.customer.com'), parseHostname('a.b.customer.com')]
      await holds.put(aHold(), NOON)
      await holds.put(aHold({ domain: near }), NOON)
      await holds.put(aHold({ domain: exact, includeSubdomains: false }), NOON)
      const covering = async (name: string): Promise<unknown> =>
        (await holds.findCovering(parseHostname(name)))?.domain
      expect(await covering('a.b.customer.com')).toBe(exact)
      expect(await covering('x.a.b.customer.com')).toBe(near)
      expect(await covering('x.customer.com')).toBe(DOMAIN)
    })

    it('are listed in pages with the total, in order of domain', async () => {
      await using opened = await open()
      const { holds } = opened.store
      for (const name of ['c.com', 'a.com', 'b.com']) {
        await holds.put(aHold({ domain: parseHostname(name) }), NOON)
      }
      const listed = async (...args: Parameters<typeof holds.list>): Promise<unknown> => {
        const { items, total } = await holds.list(...args)
        return [items.map(({ domain }) => domain), total]
      }
      expect(await listed({ page: 1, perPage: 2 })).toEqual([['a.com', 'b.com'], 3])
      expect(await listed({ page: 2, perPage: 2 })).toEqual([['c.com'], 3])
      expect(await listed({ page: 1, perPage: 1, direction: 'desc' })).toEqual([['c.com'], 3])
    })

    it('are unenforced until that is noted of what was put last', async () => {
      await using opened = await open()
      const { holds } = opened.store
      const first = await holds.put(aHold(), NOON)
      const later = await holds.put(aHold({ domain: parseHostname('a.com') }), NOON + 5)
      expect(await holds.findUnenforced()).toEqual(first)
      const again = await holds.put(aHold(), NOON + 1)
      await holds.noteEnforced(first, NOON + 2)
      expect(await holds.findUnenforced()).toEqual(again)
      await holds.noteEnforced(again, NOON + 3)
      expect((await holds.find(DOMAIN))?.enforcedAt).toBe(NOON + 3)
      expect(await holds.findUnenforced()).toEqual(later)
    })
  })

  describe('holds that were removed', () => {
    it('hold nothing, but are to be carried out until that is noted', async () => {
      await using opened = await open()
      const { holds } = opened.store
      const put = await holds.put(aHold(), NOON)
      await holds.noteEnforced(put, NOON)
      expect(await holds.remove(DOMAIN, NOON, { by: 'support' })).toBe(true)
      expect(await holds.remove(DOMAIN, NOON)).toBe(false)
      expect(await holds.findCovering(DOMAIN)).toBeUndefined()
      expect(await holds.list({ page: 1, perPage: 5 })).toEqual({ items: [], total: 0 })
      const removed = await holds.findUnenforced()
      expect(removed).toMatchObject({ domain: DOMAIN, removedAt: NOON, by: 'support' })
      await holds.noteEnforced(put, NOON + 1)
      expect(await holds.findUnenforced()).toEqual(removed)
      if (removed) await holds.noteEnforced(removed, NOON + 1)
      expect(await holds.findUnenforced()).toBeUndefined()
    })

    it('are new ones when they are put again', async () => {
      await using opened = await open()
      const { holds } = opened.store
      await holds.put(aHold(), NOON)
      await holds.remove(DOMAIN, NOON + 5)
      const removed = await holds.findUnenforced()
      const put = await holds.put(aHold(), NOON + 5)
      expect(put).toMatchObject({ createdAt: NOON + 5, removedAt: undefined })
      expect(put.updatedAt).toBeGreaterThan(removed?.updatedAt ?? Infinity)
      if (removed) await holds.noteEnforced(removed, NOON + 6)
      expect(await holds.find(DOMAIN)).toEqual(put)
    })
  })

  describe('the hostnames that a hold covers', () => {
    const below = async ({ hostnames }: Store, change?: Partial<NewHold>): Promise<string[]> => {
      const found: string[] = []
      for await (const batch of hostnames.allCoveredBy(aHold(change))) {
        found.push(...batch.map(({ id }) => id))
      }
      return found.toSorted()
    }

    it('are those at the domain and below it, in every zone, and no other', async () => {
      await using opened = await openWithZone(open)
      const other = aZone({ id: 'b'.repeat(32), name: 'other' })
      await opened.store.zones.create(other)
      const at = named('customer.com')
      const under = [
        named('a.customer.com'),
        named('a.customer.com', other.id),
        named('z.y.customer.com'),
      ]
      await createAll(opened.store, [at, ...under])
      await createAll(
        opened.store,
        ['notcustomer.com', 'customer-x.com', 'customer.com.org', 'z.com'].map((name) =>
          named(name),
        ),
      )
      const ids = [at, ...under].map(({ id }) => id)
      expect(await below(opened.store)).toEqual(ids.toSorted())
      expect(await below(opened.store, { includeSubdomains: false })).toEqual([at.id])
      expect(await below(opened.store, { domain: parseHostname('nobody.com') })).toEqual([])
    })

    it('are all found among many', async () => {
      await using opened = await openWithZone(open)
      const covered = Array.from({ length: 700 }, (_, n) => named(`n${n}.customer.com`))
      const others = Array.from({ length: 1_600 }, (_, n) => named(`n${n}.other.com`))
      await createAll(opened.store, [...covered, ...others])
      expect(await below(opened.store)).toEqual(covered.map(({ id }) => id).toSorted())
    })
  })
}
