import { describe, expect, it } from 'vitest'

import { DirectoryError } from '#directory/directory.ts'
import type { Binding } from '#domain/binding.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'
import { BindingCache, type BindingCacheLimits } from '#edge/bindings.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { memoryDirectory, type MemoryDirectory } from '#test/memory-directory.ts'
import { aBinding } from '#test/test-binding.ts'
import { lookupCells } from '#test/tls-edge.ts'

const name = (text: string): Hostname => parseHostname(text, { allowReservedTlds: true })
const APP = name('app.customer.test')

interface Parts {
  cache: BindingCache
  directory: MemoryDirectory
  clock: FakeClock
  lookups: ReturnType<typeof lookupCells>
}

/** A cache that follows its directory, whose TLS contexts are not looked at. */
function start(options: { cacheBytes?: number; limits?: Partial<BindingCacheLimits> } = {}): Parts {
  const { cacheBytes = 1_000_000, limits = {} } = options
  const clock = fakeClock()
  const directory = memoryDirectory()
  const lookups = lookupCells()
  const contexts = { build: () => undefined, isCurrent: () => true, dispose: () => {} }
  const cache = new BindingCache({ directory, contexts, clock, lookups, cacheBytes, limits })
  return { cache, directory, clock, lookups }
}

/** What `publish` and `withdraw` of a real directory lead to. */
function publish({ cache, directory }: Parts, binding: Binding): void {
  directory.publish(binding)
  cache.apply({
    changes: [{ id: '1', kind: 'published', name: binding.hostname }],
    gap: false,
  })
}

function withdraw({ cache, directory }: Parts, hostname: Hostname): void {
  directory.withdraw(hostname)
  cache.apply({ changes: [{ id: '1', kind: 'removed', name: hostname }], gap: false })
}

const unavailable = expect.objectContaining({ name: 'DirectoryError', kind: 'unavailable' })

describe('a look-up', () => {
  it('reads a name once and then answers from memory, synchronously', async () => {
    const { cache, directory } = start()
    directory.put(aBinding(APP))
    await expect(cache.find(APP)).resolves.toMatchObject({ hostname: APP })
    expect(cache.find(APP)).toMatchObject({ hostname: APP })
    expect(directory.reads).toEqual([APP])
  })

  it('is shared by all who ask for the same name at the same time', async () => {
    const { cache, directory } = start()
    directory.put(aBinding(APP))
    const answers = await Promise.all([cache.find(APP), cache.find(APP), cache.find(APP)])
    expect(answers.map((binding) => binding?.hostname)).toEqual([APP, APP, APP])
    expect(directory.reads).toEqual([APP])
  })

  it('finds the wildcard above, and reads it once for all names below', async () => {
    const { cache, directory } = start()
    directory.put(aBinding('customer.test', { wildcard: true }))
    await expect(cache.find(APP)).resolves.toMatchObject({ hostname: 'customer.test' })
    expect(cache.find(APP)).toMatchObject({ hostname: 'customer.test' })
    expect(cache.find(name('customer.test'))).toMatchObject({ hostname: 'customer.test' })
    expect(directory.reads).toEqual([APP])
  })

  it('prefers a name of its own to a wildcard that is in memory', async () => {
    const { cache, directory } = start()
    directory.put(aBinding('customer.test', { wildcard: true }), aBinding(APP))
    await cache.find(name('customer.test'))
    await expect(cache.find(APP)).resolves.toMatchObject({ hostname: APP })
  })

  it('never uses a parent that is no wildcard', async () => {
    const { cache, directory } = start()
    directory.put(aBinding('customer.test'))
    await cache.find(name('customer.test'))
    await expect(cache.find(APP)).resolves.toBeUndefined()
    expect(cache.find(APP)).toBeUndefined()
  })

  it('holds no more than its bytes, however many names are asked for', async () => {
    const { cache, directory } = start({ cacheBytes: 20_000 })
    for (let i = 0; i < 100; i++) {
      directory.put(aBinding(`n${i}.test`))
      await cache.find(name(`n${i}.test`))
    }
    expect(cache.bytes).toBeLessThanOrEqual(20_000)
    expect([...cache.bindings()].length).toBeGreaterThan(2)
  })
})

describe('a name that does not exist', () => {
  it('costs one read in a while', async () => {
    const { cache, directory, clock, lookups } = start()
    await expect(cache.find(APP)).resolves.toBeUndefined()
    await clock.advance(29_999)
    expect(cache.find(APP)).toBeUndefined()
    expect(directory.reads).toEqual([APP])
    expect(lookups.negative.value).toBe(1)
    await clock.advance(1)
    await expect(cache.find(APP)).resolves.toBeUndefined()
    expect(directory.reads).toEqual([APP, APP])
  })

  it('is found as soon as it is published', async () => {
    const parts = start()
    await parts.cache.find(APP)
    publish(parts, aBinding(APP))
    await expect(parts.cache.find(APP)).resolves.toMatchObject({ hostname: APP })
  })

  it('is found as soon as a wildcard above it is published', async () => {
    const parts = start()
    parts.directory.put(aBinding('customer.test'))
    await parts.cache.find(APP)
    await parts.cache.find(name('customer.test'))
    publish(parts, aBinding('customer.test', { wildcard: true, serial: 2 }))
    await expect(parts.cache.find(APP)).resolves.toMatchObject({ hostname: 'customer.test' })
  })

  it('cannot be asked for by more than a bounded number at a time', async () => {
    const { cache, directory, lookups } = start({ limits: { lookups: 5 } })
    directory.put(aBinding(APP))
    await cache.find(APP)
    directory.held = true
    const names = Array.from({ length: 20 }, (_, i) => name(`x${i}.test`))
    const answers = Promise.allSettled(names.map(async (unknown) => cache.find(unknown)))
    expect(cache.find(APP)).toMatchObject({ hostname: APP })
    expect(directory.reads).toHaveLength(6)
    directory.letGo()
    const outcomes = (await answers).map(({ status }) => status)
    expect(outcomes.filter((status) => status === 'rejected')).toHaveLength(15)
    expect(lookups.refused.value).toBe(15)
  })
})

describe('a change', () => {
  it('makes the next look-up read again', async () => {
    const parts = start()
    parts.directory.put(aBinding(APP))
    await parts.cache.find(APP)
    publish(parts, aBinding(APP, { serial: 2 }))
    await expect(parts.cache.find(APP)).resolves.toMatchObject({ serial: 2 })
    expect(parts.cache.find(APP)).toMatchObject({ serial: 2 })
  })

  it('that comes while the name is read makes it be read again', async () => {
    const parts = start()
    const { cache, directory } = parts
    directory.put(aBinding(APP))
    directory.held = true
    const answer = cache.find(APP)
    publish(parts, aBinding(APP, { serial: 2 }))
    directory.held = false
    directory.letGo()
    await expect(answer).resolves.toMatchObject({ serial: 2 })
    expect(cache.find(APP)).toMatchObject({ serial: 2 })
  })

  it('that comes while a name below its wildcard is read makes that be read again', async () => {
    const parts = start()
    const { cache, directory } = parts
    directory.put(aBinding('customer.test', { wildcard: true }))
    directory.held = true
    const answer = cache.find(APP)
    publish(parts, aBinding('customer.test', { wildcard: true, serial: 2 }))
    directory.held = false
    directory.letGo()
    await expect(answer).resolves.toMatchObject({ serial: 2 })
  })

  it('never lets an older publication replace a newer one', async () => {
    const parts = start()
    parts.directory.put(aBinding(APP, { serial: 5 }))
    await parts.cache.find(APP)
    publish(parts, aBinding(APP, { serial: 4 }))
    await expect(parts.cache.find(APP)).resolves.toMatchObject({ serial: 5 })
  })

  it('lets a name that was removed and made anew begin with a small serial', async () => {
    const parts = start()
    parts.directory.put(aBinding(APP, { serial: 5 }))
    await parts.cache.find(APP)
    withdraw(parts, APP)
    publish(parts, aBinding(APP, { serial: 1, hostnameId: 'another' }))
    await expect(parts.cache.find(APP)).resolves.toMatchObject({ hostnameId: 'another' })
  })

  it('that removes a name takes it away at once', async () => {
    const parts = start()
    parts.directory.put(aBinding(APP))
    await parts.cache.find(APP)
    withdraw(parts, APP)
    expect([...parts.cache.bindings()]).toEqual([])
    await expect(parts.cache.find(APP)).resolves.toBeUndefined()
  })

  it('that may have been missed makes every name be read again, once', async () => {
    const { cache, directory } = start()
    const other = name('other.test')
    directory.put(aBinding(APP), aBinding(other))
    await cache.find(APP)
    await cache.find(other)
    await cache.find(name('absent.test'))
    directory.put(aBinding(APP, { serial: 2 }), aBinding('absent.test'))
    cache.apply({ changes: [], gap: true })
    await expect(cache.find(APP)).resolves.toMatchObject({ serial: 2 })
    await expect(cache.find(other)).resolves.toMatchObject({ serial: 1 })
    await expect(cache.find(name('absent.test'))).resolves.toMatchObject({ serial: 1 })
    expect(cache.find(other)).toMatchObject({ serial: 1 })
  })

  it('that was missed and removed the name is noticed when it is read again', async () => {
    const { cache, directory } = start()
    directory.put(aBinding(APP))
    await cache.find(APP)
    directory.withdraw(APP)
    cache.apply({ changes: [], gap: true })
    await expect(cache.find(APP)).resolves.toBeUndefined()
  })
})

describe('while the directory cannot answer', () => {
  it('a stale binding is served, and the directory is not asked at every look-up', async () => {
    const parts = start()
    const { cache, directory, clock, lookups } = parts
    directory.put(aBinding(APP))
    await cache.find(APP)
    publish(parts, aBinding(APP, { serial: 2 }))
    directory.available = false
    await expect(cache.find(APP)).resolves.toMatchObject({ serial: 1 })
    const reads = directory.reads.length
    expect(cache.find(APP)).toMatchObject({ serial: 1 })
    expect(directory.reads).toHaveLength(reads)
    expect(lookups.stale.value).toBe(2)
    directory.available = true
    await clock.advance(1_000)
    expect(cache.find(APP)).toMatchObject({ serial: 1 })
    await clock.advance(0)
    expect(cache.find(APP)).toMatchObject({ serial: 2 })
  })

  it('nobody waits for it again who can be served', async () => {
    const parts = start({ limits: { lookupMs: 500, retryMs: 1_000 } })
    const { cache, directory, clock } = parts
    directory.put(aBinding(APP))
    await cache.find(APP)
    publish(parts, aBinding(APP, { serial: 2 }))
    directory.held = true
    const first = cache.find(APP)
    await clock.advance(500)
    await expect(first).resolves.toMatchObject({ serial: 1 })
    const reads = directory.reads.length
    for (let tries = 1; tries <= 3; tries++) {
      await clock.advance(1_500)
      expect(cache.find(APP)).toMatchObject({ serial: 1 })
      expect(cache.find(APP)).toMatchObject({ serial: 1 })
      expect(directory.reads).toHaveLength(reads + tries)
    }
  })

  it('a change that arrives says that it answers again', async () => {
    const parts = start()
    const { cache, directory } = parts
    directory.put(aBinding(APP))
    await cache.find(APP)
    publish(parts, aBinding(APP, { serial: 2 }))
    directory.available = false
    await cache.find(APP)
    directory.available = true
    publish(parts, aBinding(APP, { serial: 3 }))
    await expect(cache.find(APP)).resolves.toMatchObject({ serial: 3 })
  })

  it('a fresh binding is served as ever', async () => {
    const { cache, directory } = start()
    directory.put(aBinding(APP))
    await cache.find(APP)
    directory.available = false
    expect(cache.find(APP)).toMatchObject({ hostname: APP })
  })

  it('a name that is not in memory is an error, never "no such name"', async () => {
    const { cache, directory, lookups } = start()
    directory.available = false
    await expect(cache.find(APP)).rejects.toEqual(unavailable)
    await expect(cache.find(APP)).rejects.toBeInstanceOf(DirectoryError)
    expect(lookups.unavailable.value).toBe(2)
    directory.available = true
    directory.put(aBinding(APP))
    await expect(cache.find(APP)).resolves.toMatchObject({ hostname: APP })
  })

  it('a removed name is not served any more', async () => {
    const parts = start()
    parts.directory.put(aBinding(APP))
    await parts.cache.find(APP)
    withdraw(parts, APP)
    parts.directory.available = false
    await expect(parts.cache.find(APP)).rejects.toEqual(unavailable)
  })

  it('a wildcard is served to names known to have no binding of their own, and to no other', async () => {
    const { cache, directory, clock } = start()
    directory.put(aBinding('customer.test', { wildcard: true }))
    await cache.find(APP)
    directory.available = false
    await clock.advance(60_000)
    await expect(cache.find(APP)).resolves.toMatchObject({ hostname: 'customer.test' })
    await expect(cache.find(name('new.customer.test'))).rejects.toEqual(unavailable)
  })

  it('a directory that is silent is given up after a while', async () => {
    const parts = start({ limits: { lookupMs: 500 } })
    const { cache, directory, clock } = parts
    directory.put(aBinding(APP))
    await cache.find(APP)
    publish(parts, aBinding(APP, { serial: 2 }))
    directory.held = true
    const answer = cache.find(APP)
    const cold = Promise.allSettled([cache.find(name('cold.test'))])
    await clock.advance(500)
    await expect(answer).resolves.toMatchObject({ serial: 1 })
    expect(await cold).toEqual([{ status: 'rejected', reason: unavailable }])
  })
})
