import { describe, expect, it } from 'vitest'

import { withNextSerial, type CustomHostname } from '#domain/custom-hostname.ts'
import { TIMELINE_KINDS, type TimelineEvent } from '#domain/timeline.ts'
import type { Store } from '#store/store.ts'
import { KEPT_EVENTS, type RecordedEvent } from '#store/timeline.ts'
import { aHostname, anEventOf, NOON } from '#test/records.ts'

import { createAll, openWithZone, type OpenStore } from './store-under-test.ts'

const ALL = { page: 1, perPage: 1_000 }

const kindsOf = (events: readonly RecordedEvent[]): string[] => events.map(({ kind }) => kind)

async function eventsOf(store: Store, { id }: CustomHostname): Promise<RecordedEvent[]> {
  return (await store.timeline.list(id, ALL)).items
}

function fetched({ id: hostnameId }: CustomHostname, from: string): TimelineEvent {
  return {
    ...anEventOf('challenge.fetched'),
    hostnameId,
    details: { detail: `http-01 by ${from}` },
  }
}

export function timelineContract(open: OpenStore): void {
  describe('the timeline', () => {
    it('begins with the creation, by whom it was asked for', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const [own, other] = [aHostname(), aHostname()]
      await store.hostnames.create(own, { by: 'a token' })
      await store.hostnames.create(other)
      const created = { id: 1, at: NOON, kind: 'hostname.created' }
      expect(await store.timeline.list(own.id, ALL)).toEqual({
        items: [
          {
            ...created,
            hostnameId: own.id,
            by: 'a token',
            details: { hostname: own.hostname },
          },
        ],
        total: 1,
      })
      expect(await eventsOf(store, other)).toMatchObject([{ ...created, by: 'system' }])
      expect(await store.timeline.list('nobody', ALL)).toEqual({ items: [], total: 0 })
    })

    it('has nothing of a record that could not be created', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const again = aHostname({ hostname: record.hostname })
      await expect(store.hostnames.create(again)).rejects.toMatchObject({ kind: 'duplicate' })
      expect(await eventsOf(store, again)).toEqual([])
    })

    it('gets what an update changes, when and by whom, in the same transaction', async () => {
      await using opened = await openWithZone(open)
      const { store, clock } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      await clock.advance(5_000)
      const edit = (read: CustomHostname) => ({ record: { ...read, customMetadata: { a: 1 } } })
      await store.hostnames.update(record.id, edit, { by: 'a token' })
      await store.hostnames.update(record.id, edit, { by: 'another' })
      await store.hostnames.update(record.id, () => undefined)
      const refused = store.hostnames.update(record.id, (read) => ({
        record: { ...read, customMetadata: undefined },
        addCertificates: [{ hostnameId: 'other' } as never],
      }))
      await expect(refused).rejects.toThrow(TypeError)
      const events = await eventsOf(store, record)
      expect(kindsOf(events)).toEqual(['hostname.edited', 'hostname.created'])
      expect(events[0]).toMatchObject({
        id: 2,
        at: NOON + 5_000,
        by: 'a token',
        details: { fields: ['custom_metadata'] },
      })
    })

    it('gets the first publication and no later one', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const { serial } = record.deployment
      await store.outbox.complete({ hostnameId: record.id, serial }, '5')
      await store.hostnames.update(record.id, (read) => ({ record: withNextSerial(read) }))
      await store.outbox.complete({ hostnameId: record.id, serial: serial + 1 }, '6')
      expect(kindsOf(await eventsOf(store, record))).toEqual([
        'hostname.published',
        'hostname.created',
      ])
    })

    it('takes events of every kind and gives them back as they were', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const events = TIMELINE_KINDS.map((kind) => ({ ...anEventOf(kind), hostnameId: record.id }))
      await store.timeline.append(events)
      const listed = (await eventsOf(store, record)).toReversed().slice(1)
      expect(listed).toEqual(events.map((event, at) => ({ id: at + 2, ...event })))
    })

    it('passes over a second first handshake and hostnames that are gone', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const first = { ...anEventOf('handshake.first'), hostnameId: record.id }
      await store.timeline.append([
        { ...first, hostnameId: 'nobody' },
        { ...first, at: NOON + 1 },
        { ...first, at: NOON + 2 },
        { ...fetched(record, '192.0.2.1'), at: NOON + 3 },
      ])
      await store.timeline.append([{ ...first, at: NOON + 4 }])
      const events = await eventsOf(store, record)
      expect(kindsOf(events)).toEqual(['challenge.fetched', 'handshake.first', 'hostname.created'])
      expect(events[1]?.at).toBe(NOON + 1)
      expect(await store.timeline.list('nobody', ALL)).toEqual({ items: [], total: 0 })
    })

    it('is listed in pages, the newest first, also where all happened at once', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const [record, other] = [aHostname(), aHostname()]
      await createAll(store, [record, other])
      const addresses = Array.from({ length: 6 }, (_, n) => `192.0.2.${n}`)
      await store.timeline.append(
        addresses.flatMap((from) => [fetched(record, from), fetched(other, from)]),
      )
      const page = async (n: number) =>
        (await store.timeline.list(record.id, { page: n, perPage: 3 })).items.map(({ id }) => id)
      expect(await page(1)).toEqual([7, 6, 5])
      expect(await page(2)).toEqual([4, 3, 2])
      expect(await page(3)).toEqual([1])
      expect(await page(4)).toEqual([])
      const one = { page: 2, perPage: 4, kind: 'challenge.fetched' } as const
      const ofKind = await store.timeline.list(record.id, one)
      expect(ofKind.items.map(({ id }) => id)).toEqual([3, 2])
      expect(ofKind.total).toBe(6)
      const none = { page: 0, perPage: 3 }
      await expect(async () => store.timeline.list(record.id, none)).rejects.toThrow(RangeError)
    })

    it('is listed by when it happened, not by when it was told', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      await store.timeline.append([{ ...fetched(record, 'later'), at: NOON + 2_000 }])
      await store.timeline.append([{ ...fetched(record, 'sooner'), at: NOON + 1_000 }])
      const [first, second] = await eventsOf(store, record)
      expect([first?.at, second?.at]).toEqual([NOON + 2_000, NOON + 1_000])
    })

    it('keeps the newest of each hostname, and their numbers', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const [busy, calm] = [aHostname(), aHostname()]
      await createAll(store, [busy, calm])
      await store.timeline.append([fetched(calm, '192.0.2.1')])
      for (const count of [KEPT_EVENTS - 1, 3, 2 * KEPT_EVENTS]) {
        await store.timeline.append(
          Array.from({ length: count }, (_, n) => fetched(busy, `${count}/${n}`)),
        )
        const events = await eventsOf(store, busy)
        expect(events).toHaveLength(KEPT_EVENTS)
        expect(events[0]?.details).toEqual({ detail: `http-01 by ${count}/${count - 1}` })
        const ids = events.map(({ id }) => id)
        expect(ids.at(-1)).toBe((ids[0] ?? 0) - KEPT_EVENTS + 1)
      }
      expect(await eventsOf(store, calm)).toHaveLength(2)
    })

    it('goes with its hostname', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const [record, other] = [aHostname(), aHostname()]
      await createAll(store, [record, other])
      await store.hostnames.remove(record.id)
      expect(await store.timeline.list(record.id, ALL)).toEqual({ items: [], total: 0 })
      expect(await eventsOf(store, other)).toHaveLength(1)
    })

    it('numbers what several processes add at once without a gap', async () => {
      await using opened = await openWithZone(open)
      await using again = await opened.openAgain()
      const record = aHostname()
      await opened.store.hostnames.create(record)
      await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          (n % 2 ? opened.store : again).timeline.append([fetched(record, `${n}`)]),
        ),
      )
      const ids = (await eventsOf(again, record)).map(({ id }) => id)
      expect(ids).toEqual(Array.from({ length: 21 }, (_, n) => 21 - n))
    })
  })
}
