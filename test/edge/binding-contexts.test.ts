import { describe, expect, it } from 'vitest'

import type { Binding } from '#domain/binding.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'
import { BindingCache } from '#edge/bindings.ts'
import type { TlsContext, TlsContexts } from '#edge/tls/context.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { memoryDirectory, type MemoryDirectory } from '#test/memory-directory.ts'
import { aBinding } from '#test/test-binding.ts'
import { lookupCells } from '#test/tls-edge.ts'

const name = (text: string): Hostname => parseHostname(text, { allowReservedTlds: true })
const APP = name('app.customer.test')

interface Parts {
  cache: BindingCache
  directory: MemoryDirectory
  /** Names and serials, in order. */
  built: string[]
  disposed: unknown[]
  current: { value: boolean }
}

/** A cache whose contexts are only noted; serial 13 cannot be built. */
function start(cacheBytes = 1_000_000): Parts {
  const directory = memoryDirectory()
  const built: string[] = []
  const disposed: unknown[] = []
  const current = { value: true }
  const contexts: TlsContexts = {
    build(binding) {
      built.push(`${binding.hostname} ${binding.serial}`)
      return binding.serial === 13 ? undefined : ({ of: built.length } as unknown as TlsContext)
    },
    isCurrent: () => current.value,
    dispose: (context) => void disposed.push(context),
  }
  const parts = { directory, contexts, clock: fakeClock(), lookups: lookupCells() }
  return { cache: new BindingCache({ ...parts, cacheBytes }), directory, built, disposed, current }
}

function publish({ cache, directory }: Parts, binding: Binding): void {
  directory.publish(binding)
  cache.apply({ changes: [{ id: '1', kind: 'published', name: binding.hostname }], gap: false })
}

async function context(cache: BindingCache): Promise<TlsContext | undefined> {
  const hot = await cache.findHot(APP)
  return hot && cache.tlsContextOf(hot)
}

describe('TLS contexts', () => {
  it('are built for the first handshake and kept', async () => {
    const { cache, directory, built } = start()
    directory.put(aBinding(APP))
    await cache.find(APP)
    expect(built).toEqual([])
    const first = await context(cache)
    expect(await context(cache)).toBe(first)
    expect(built).toEqual([`${APP} 1`])
  })

  it('stay where a publication changed nothing of TLS, and are built anew where it did', async () => {
    const parts = start()
    parts.directory.put(aBinding(APP))
    const first = await context(parts.cache)
    publish(parts, aBinding(APP, { serial: 2, origin: undefined }))
    expect(await context(parts.cache)).toBe(first)
    const tls = { ...aBinding(APP).tls, http2: false }
    publish(parts, aBinding(APP, { serial: 3, tls }))
    expect(await context(parts.cache)).not.toBe(first)
    expect(parts.built).toEqual([`${APP} 1`, `${APP} 3`])
  })

  it('are built anew when they are out of date, and the old ones are given back', async () => {
    const { cache, directory, built, disposed, current } = start()
    directory.put(aBinding(APP))
    const old = await context(cache)
    current.value = false
    await context(cache)
    expect(built).toHaveLength(2)
    expect(disposed).toEqual([old])
  })

  it('are given back when their name leaves the memory: evicted, replaced or removed', async () => {
    const parts = start(5_000)
    const { cache, directory, disposed } = parts
    directory.put(aBinding(APP), aBinding('b.test'), aBinding('c.test'))
    const made = [await context(cache)]
    await cache.find(name('b.test'))
    await cache.find(name('c.test'))
    expect(disposed).toEqual(made)
    made.push(await context(cache))
    const tls = { ...aBinding(APP).tls, http2: false }
    publish(parts, aBinding(APP, { serial: 2, tls }))
    made.push(await context(cache))
    expect(disposed).toEqual(made.slice(0, 2))
    directory.withdraw(APP)
    cache.apply({ changes: [{ id: '2', kind: 'removed', name: APP }], gap: false })
    expect(disposed).toEqual(made)
  })

  it('are not given back while a publication that changed nothing of TLS goes on using them', async () => {
    const parts = start()
    parts.directory.put(aBinding(APP))
    await context(parts.cache)
    publish(parts, aBinding(APP, { serial: 2, origin: undefined }))
    await context(parts.cache)
    expect(parts.disposed).toEqual([])
  })

  it('that cannot be built are tried once a publication', async () => {
    const parts = start()
    parts.directory.put(aBinding(APP, { serial: 13 }))
    expect(await context(parts.cache)).toBeUndefined()
    expect(await context(parts.cache)).toBeUndefined()
    expect(parts.built).toHaveLength(1)
    const tls = { ...aBinding(APP).tls, http2: false }
    publish(parts, aBinding(APP, { serial: 14, tls }))
    expect(await context(parts.cache)).toBeDefined()
  })
})
