import { describe, expect, it } from 'vitest'

import { withNextSerial, type CustomHostname } from '#domain/custom-hostname.ts'
import type { OutboxRow, Store } from '#store/store.ts'
import { aHostname } from '#test/records.ts'

import { createAll, drainOutbox, openWithZone, type OpenStore } from './store-under-test.ts'

const rowOf = ({ id, deployment }: CustomHostname): OutboxRow => ({
  hostnameId: id,
  serial: deployment.serial,
})

async function raise(store: Store, { id }: CustomHostname): Promise<CustomHostname> {
  const raised = await store.hostnames.update(id, (record) => ({ record: withNextSerial(record) }))
  if (!raised) throw new Error('is there')
  return raised
}

async function publishedOf(store: Store, { id }: CustomHostname): Promise<unknown> {
  return (await store.hostnames.find(id))?.deployment.published
}

export function outboxContract(open: OpenStore): void {
  describe('the outbox', () => {
    it('lists the oldest first, one row a hostname with the newest serial', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const [first, second, third] = [aHostname(), aHostname(), aHostname()]
      for (const record of [first, second, third]) await store.hostnames.create(record)
      const raised = await raise(store, first)
      expect(await store.outbox.list(10)).toEqual([rowOf(raised), rowOf(second), rowOf(third)])
      expect(await store.outbox.list(2)).toEqual([rowOf(raised), rowOf(second)])
      await store.outbox.complete(rowOf(raised), '1')
      const again = await raise(store, first)
      expect(await store.outbox.list(10)).toEqual([rowOf(second), rowOf(third), rowOf(again)])
    })

    it('records the publication and forgets the row', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      await store.outbox.complete(rowOf(record), '5')
      expect(await store.outbox.list(10)).toEqual([])
      const { serial } = record.deployment
      expect(await publishedOf(store, record)).toEqual({ serial, changeId: '5' })
    })

    it('keeps the row where a newer serial was written meanwhile', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const raised = await raise(store, record)
      await store.outbox.complete(rowOf(record), '5')
      expect(await store.outbox.list(10)).toEqual([rowOf(raised)])
      const { serial } = record.deployment
      expect(await publishedOf(store, record)).toEqual({ serial, changeId: '5' })
    })

    it('never goes back to an older publication', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const raised = await raise(store, record)
      await store.outbox.complete(rowOf(raised), '7')
      const { serial } = raised.deployment
      await store.outbox.complete(rowOf(record), '8')
      expect(await publishedOf(store, record)).toEqual({ serial, changeId: '7' })
      await store.outbox.complete(rowOf(raised), '6')
      expect(await publishedOf(store, record)).toEqual({ serial, changeId: '7' })
      await store.outbox.complete(rowOf(raised), '9')
      expect(await publishedOf(store, record)).toEqual({ serial, changeId: '9' })
    })

    it('takes a place in another directory, whose ids have another length, for a later one', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const { serial } = record.deployment
      await store.outbox.complete(rowOf(record), '9999')
      await store.outbox.complete(rowOf(record), '0001-0')
      expect(await publishedOf(store, record)).toEqual({ serial, changeId: '0001-0' })
      expect(await store.outbox.newestChange()).toBe('0001-0')
    })

    it('knows the newest change, of removed hostnames and of none too', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      expect(await store.outbox.newestChange()).toBeUndefined()
      await store.outbox.complete(rowOf(record), '5')
      await store.outbox.complete(rowOf(record), '4')
      await store.hostnames.remove(record.id)
      expect(await store.outbox.newestChange()).toBe('5')
      await store.outbox.noteChange('7')
      await store.outbox.noteChange('6')
      expect(await store.outbox.newestChange()).toBe('7')
    })

    it('completes what was removed meanwhile in silence', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      await store.hostnames.remove(record.id)
      await store.outbox.complete(rowOf(record), '5')
      expect(await store.outbox.list(10)).toEqual([])
    })

    it('takes every hostname in again with its present serial', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const records = [aHostname(), aHostname(), aHostname()]
      await createAll(store, records)
      await drainOutbox(store)
      const [first] = records
      if (!first) throw new Error('is there')
      const raised = await raise(store, first)
      expect(await store.outbox.enqueueAll()).toBe(3)
      const rows = new Set(await store.outbox.list(10))
      expect(rows).toEqual(new Set([raised, ...records.slice(1)].map(rowOf)))
      expect(await store.outbox.enqueueAll()).toBe(3)
      expect(await store.outbox.list(10)).toHaveLength(3)
    })
  })
}
