import { describe, expect, it } from 'vitest'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import { aHostname, NOON } from '#test/records.ts'

import { createAll, openWithZone, type OpenStore } from './store-under-test.ts'

const withOneMore = (record: CustomHostname): CustomHostname => {
  const count = Number(record.customMetadata?.['count'] ?? 0)
  return { ...record, customMetadata: { count: count + 1 } }
}

export function concurrencyContract(open: OpenStore): void {
  describe('side by side', () => {
    it('two claimers never get the same record', async () => {
      await using opened = await openWithZone(open)
      await using other = await opened.openAgain()
      const records = Array.from({ length: 60 }, () => aHostname())
      await createAll(opened.store, records)
      const claims = Array.from({ length: 20 }, (_, n) =>
        (n % 2 ? opened.store : other).hostnames.claimDue(NOON, {
          leaseMs: 1_000,
          limit: 4,
          again: false,
        }),
      )
      const ids = (await Promise.all(claims)).flat().map(({ id }) => id)
      expect(ids).toHaveLength(60)
      expect(new Set(ids).size).toBe(60)
    })

    it('only one of many gets a record by its id', async () => {
      await using opened = await openWithZone(open)
      await using other = await opened.openAgain()
      const record = aHostname()
      await opened.store.hostnames.create(record)
      const claims = Array.from({ length: 10 }, (_, n) =>
        (n % 2 ? opened.store : other).hostnames.claim(record.id, NOON, 1_000),
      )
      const claimed = (await Promise.all(claims)).filter((result) => result !== undefined)
      expect(claimed).toHaveLength(1)
    })

    it('updates of one record lose nothing', async () => {
      await using opened = await openWithZone(open)
      await using other = await opened.openAgain()
      const record = aHostname()
      await opened.store.hostnames.create(record)
      const updates = Array.from({ length: 40 }, (_, n) =>
        (n % 2 ? opened.store : other).hostnames.update(record.id, (read) => ({
          record: withOneMore(read),
        })),
      )
      await Promise.all(updates)
      const after = await other.hostnames.find(record.id)
      expect(after?.customMetadata).toEqual({ count: 40 })
    })

    it('one failing update takes no other with it', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const record = aHostname()
      await hostnames.create(record)
      const results = await Promise.allSettled(
        Array.from({ length: 9 }, (_, n) =>
          hostnames.update(record.id, (read) => {
            if (n % 3 === 1) throw new Error('refused')
            return { record: withOneMore(read) }
          }),
        ),
      )
      expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(3)
      expect((await hostnames.find(record.id))?.customMetadata).toEqual({ count: 6 })
    })

    it('only one of many creates a name', async () => {
      await using opened = await openWithZone(open)
      const { hostname } = aHostname()
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, () => opened.store.hostnames.create(aHostname({ hostname }))),
      )
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await opened.store.outbox.list(10)).toHaveLength(1)
    })

    it('what one has written the other reads as soon as the call is back', async () => {
      await using opened = await openWithZone(open)
      await using other = await opened.openAgain()
      const record = aHostname()
      await opened.store.hostnames.create(record)
      expect(await other.hostnames.find(record.id)).toEqual(record)
    })
  })
}
