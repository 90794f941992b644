import { describe, expect, it } from 'vitest'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Store } from '#store/store.ts'
import { aHostname, anActiveHostname, NOON } from '#test/records.ts'

import { createAll, openWithZone, type OpenStore } from './store-under-test.ts'

const YEAR = 365 * 86_400_000

const aYearAhead = (): CustomHostname => aHostname({}, NOON + YEAR)

async function misdatedIn(store: Store, now: number): Promise<string[]> {
  const ids: string[] = []
  for await (const batch of store.hostnames.allMisdated(now)) {
    ids.push(...batch.map(({ id }) => id))
  }
  return ids
}

export function misdatedContract(open: OpenStore): void {
  describe('hostnames that a clock wrote which was ahead', () => {
    it('are found, however many, and no other', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const ahead = Array.from({ length: 501 }, aYearAhead)
      await createAll(store, [...ahead, aHostname(), anActiveHostname()])
      const found = await misdatedIn(store, NOON)
      expect(found.toSorted()).toEqual(ahead.map(({ id }) => id).toSorted())
      expect(await store.hostnames.countMisdated(NOON)).toBe(501)
    })

    it('are none once they are written by the right time, or that time has come', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const ahead = aYearAhead()
      await createAll(opened.store, [ahead])
      expect(await misdatedIn(opened.store, NOON + YEAR)).toEqual([])
      const { ownership, chains } = aHostname()
      await hostnames.update(ahead.id, (record) => ({ record: { ...record, ownership, chains } }))
      expect(await misdatedIn(opened.store, NOON)).toEqual([])
      expect(await hostnames.countMisdated(NOON)).toBe(0)
    })
  })
}
