import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { ChangeId, DirectoryPublisher, EdgeDirectory } from '#directory/directory.ts'
import { ChangeReader } from '#test/change-reader.ts'
import { hostname, sampleBinding } from '#test/sample-binding.ts'

import type { DirectoryUnderTest } from './directory-under-test.ts'

const unavailable = { name: 'DirectoryError', kind: 'unavailable' }

/** The half of the directory's contract that is about following changes, and about losing them. */
export function changeLogContract(name: string, open: () => Promise<DirectoryUnderTest>): void {
  describe(`${name}: following changes`, () => {
    let directory: DirectoryUnderTest
    let edge: EdgeDirectory
    let publisher: DirectoryPublisher
    let stack: AsyncDisposableStack

    beforeEach(async () => {
      stack = new AsyncDisposableStack()
      directory = stack.use(await open())
      publisher = stack.use(await directory.openPublisher())
      edge = stack.use(await directory.openEdge())
    })
    afterEach(() => stack.disposeAsync())

    const watch = (from: EdgeDirectory, after?: ChangeId): ChangeReader =>
      stack.use(new ChangeReader(from, after))
    const app = hostname('app.customer.test')

    describe('its change log', () => {
      beforeEach(() => publisher.writeEpoch('first'))

      it('says where now is, then every change in order', async () => {
        const reader = watch(edge)
        const start = await reader.next()
        expect(start).toMatchObject({ changes: [], gap: false })
        const ids: ChangeId[] = [start.upTo]
        for (const name of ['a.test', 'b.test', 'c.test']) {
          ids.push(await publisher.publish(sampleBinding(name)))
        }
        ids.push(await publisher.withdraw(hostname('a.test'), 'id-of-a.test'))
        const changes = await reader.changes(4)
        expect(changes.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
          'published a.test',
          'published b.test',
          'published c.test',
          'removed a.test',
        ])
        expect(changes.map(({ id }) => id)).toEqual(ids.slice(1))
        expect([...ids].sort()).toEqual(ids)
        expect(new Set(ids).size).toBe(ids.length)
        expect(reader.upTo).toBe(ids.at(-1))
      })

      it('goes on after a given place', async () => {
        const first = await publisher.publish(sampleBinding('a.test'))
        const second = await publisher.publish(sampleBinding('b.test'))
        const reader = watch(edge, first)
        expect(await reader.next()).toEqual({
          upTo: second,
          changes: [{ id: second, kind: 'published', name: 'b.test' }],
          gap: false,
        })
      })

      it('says where now is when nothing happened after the given place', async () => {
        const last = await publisher.publish(sampleBinding('a.test'))
        expect(await watch(edge, last).next()).toEqual({ upTo: last, changes: [], gap: false })
      })

      it('gives every reader every change, in bounded batches', async () => {
        const other = stack.use(await directory.openEdge())
        const readers = [watch(edge), watch(other), watch(edge)]
        for (const reader of readers) await reader.next()
        const names = Array.from({ length: 1_200 }, (_, at) => `n${at}.test`)
        for (const name of names) await publisher.withdraw(hostname(name), 'none')
        for (const reader of readers) {
          const changes = await reader.changes(names.length)
          expect(changes.map(({ name }) => name)).toEqual(names)
          expect(reader.largestBatch).toBeLessThanOrEqual(500)
        }
      })

      it('admits a gap to a reader whose place was cut off', async () => {
        const short = stack.use(await directory.openPublisher({ changeLogLength: 50 }))
        const early = await short.publish(sampleBinding('a.test'))
        for (let i = 0; i < 400; i++) await short.withdraw(hostname('b.test'), 'none')
        const last = await short.publish(sampleBinding('a.test'))
        expect(await watch(edge, early).next()).toEqual({ upTo: last, changes: [], gap: true })
        expect(await watch(edge, last).next()).toMatchObject({ gap: false })
      })

      it('admits a gap to a reader with a place that it does not know', async () => {
        const last = await publisher.publish(sampleBinding('a.test'))
        for (const after of ['', 'nonsense', '0000000000000001', `${last}9`]) {
          expect(await watch(edge, after).next()).toEqual({ upTo: last, changes: [], gap: true })
        }
      })

      it('ends when its signal aborts', async () => {
        const reader = watch(edge)
        await reader.next()
        const next = reader.end()
        reader.abort()
        expect(await next).toBe(true)
      })

      it('ends when the directory is closed', async () => {
        const reader = watch(edge)
        await reader.next()
        const next = reader.end()
        await edge.close()
        expect(await next).toBe(true)
      })
    })

    describe('when it was lost', () => {
      it('looks down, not empty, until it is filled again', async () => {
        await publisher.publish(sampleBinding('app.customer.test'))
        await publisher.writeEpoch('first')
        await edge.findBinding(app)
        await directory.lose()
        await expect(edge.findBinding(app)).rejects.toMatchObject(unavailable)
        expect(await publisher.readEpoch()).toBeUndefined()
        await publisher.publish(sampleBinding('app.customer.test'))
        await expect(edge.findBinding(app)).rejects.toMatchObject(unavailable)
        await publisher.writeEpoch('second')
        expect(await edge.findBinding(app)).toBeDefined()
      })

      it('tells readers nothing while it is being filled, and then of the gap', async () => {
        await publisher.writeEpoch('first')
        const reader = watch(edge)
        const before = await reader.next()
        const oldId = await publisher.publish(sampleBinding('a.test'))
        await reader.changes(1)
        await directory.lose()
        const newId = await publisher.publish(sampleBinding('a.test'))
        expect(newId > oldId).toBe(true)
        await publisher.writeEpoch('second')
        const batch = await reader.next()
        expect(batch).toMatchObject({ changes: [], gap: true })
        expect(batch.upTo > newId).toBe(true)
        expect(batch.upTo > before.upTo).toBe(true)
        const next = await publisher.publish(sampleBinding('b.test'))
        expect(await reader.next()).toMatchObject({ upTo: next, gap: false })
      })

      it('admits a gap when it was filled anew without having been lost', async () => {
        await publisher.writeEpoch('first')
        const reader = watch(edge)
        await reader.next()
        await publisher.writeEpoch('second')
        expect(await reader.next()).toMatchObject({ changes: [], gap: true })
      })
    })
  })
}
