import { LRUCache } from 'lru-cache'

import { DirectoryError, type ChangeBatch, type EdgeDirectory } from '#directory/directory.ts'
import type { Binding } from '#domain/binding.ts'
import { parentOf, type Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Cell } from '#lib/metrics.ts'

import { AbsentNames } from './absent-names.ts'
import type { BindingLookup } from './connection.ts'
import { sameTls, sizeOf, type Entry, type HotBinding } from './hot-binding.ts'
import type { TlsContext, TlsContexts } from './tls/context.ts'

/** Where a look-up was answered from. */
export type LookupTier = 'memory' | 'negative' | 'directory' | 'stale' | 'refused' | 'unavailable'

export interface BindingCacheOptions {
  directory: Pick<EdgeDirectory, 'findBinding'>
  contexts: TlsContexts
  clock: Clock
  lookups: Readonly<Record<LookupTier, Cell>>
  /** What hot bindings and their TLS contexts may take. */
  cacheBytes: number
  limits?: Partial<BindingCacheLimits>
}

export interface BindingCacheLimits {
  /** Facts about names that do not exist. @default 65_536 */
  absentNames: number
  /** How long a name that does not exist is not asked for again. @default 30_000 */
  absentTtlMs: number
  /** Look-ups under way for names not in memory; more are refused at once. @default 256 */
  lookups: number
  /** How long the directory may take to answer. @default 3_000 */
  lookupMs: number
  /** How often the directory is tried again, unwaited for, after it failed. @default 1_000 */
  retryMs: number
}

interface Flight {
  readonly name: Hostname
  readonly parent: Hostname | undefined
  /** A change of the name arrived since the directory was asked. */
  outdated: boolean
  answer: Promise<Entry | undefined>
}

/** Re-reads of a name that changes faster than it can be read. */
const MAX_REREADS = 3

/**
 * Bindings of hot names, with their TLS contexts, in a bounded amount of memory.
 *
 * A look-up asks in this order:
 *  1. memory, the name itself;
 *  2. memory, the parent's wildcard: once the directory has said that the name has no binding of its
 *     own, which goes before a wildcard;
 *  3. the names known not to exist;
 *  4. the directory, once for all that ask for the same name, and for a bounded number of unknown
 *     names at a time.
 *
 * A change makes the name stale: the next use reads it again, and gets the old binding only where the
 * directory cannot answer. Once it could not, stale bindings are served at once, and the directory is
 * tried beside that, until it answers or a change arrives. A removal evicts. An answer that was overtaken by a change is read again;
 * it never replaces a larger serial.
 */
export class BindingCache implements BindingLookup {
  readonly #options: BindingCacheOptions
  readonly #limits: BindingCacheLimits
  readonly #hot: LRUCache<Hostname, Entry>
  readonly #absent: AbsentNames
  readonly #flights = new Map<Hostname, Flight>()
  #generation = 0
  /** When to try the directory again; undefined while it answers. */
  #retryAt: number | undefined

  constructor(options: BindingCacheOptions) {
    const { clock, cacheBytes, limits = {} } = options
    if (!(cacheBytes > 0))
      throw new RangeError(`cacheBytes must be positive: received ${cacheBytes}`)
    this.#options = options
    this.#limits = {
      absentNames: limits.absentNames ?? 65_536,
      absentTtlMs: limits.absentTtlMs ?? 30_000,
      lookups: limits.lookups ?? 256,
      lookupMs: limits.lookupMs ?? 3_000,
      retryMs: limits.retryMs ?? 1_000,
    }
    this.#hot = new LRUCache({
      maxSize: cacheBytes,
      sizeCalculation: sizeOf,
      dispose: (entry) => this.#dispose(entry),
    })
    const { absentNames: maxFacts, absentTtlMs: ttlMs } = this.#limits
    this.#absent = new AbsentNames({ clock, maxFacts, ttlMs })
  }

  /** Bytes accounted for. */
  get bytes(): number {
    return this.#hot.calculatedSize
  }

  find(name: Hostname): Binding | undefined | Promise<Binding | undefined> {
    const found = this.findHot(name)
    return found instanceof Promise ? found.then((entry) => entry?.binding) : found?.binding
  }

  /** The same as `find`, for handshakes. */
  findHot(name: Hostname): HotBinding | undefined | Promise<HotBinding | undefined> {
    const { lookups } = this.#options
    const own = this.#hot.get(name)
    if (own) {
      if (this.#isFresh(own)) return count(lookups.memory, own)
      if (this.#retryAt === undefined) return this.#lookUp(name)
      this.#probe(name, this.#retryAt)
      return count(lookups.stale, own)
    }
    if (!this.#absent.hasNoOwn(name)) return this.#lookUp(name)
    const parent = parentOf(name)
    if (!parent || this.#absent.hasNoWildcard(parent)) return count(lookups.negative, undefined)
    const above = this.#hot.get(parent)
    if (!above || !this.#isFresh(above)) return this.#lookUp(name)
    return above.binding.wildcard
      ? count(lookups.memory, above)
      : count(lookups.negative, undefined)
  }

  /** @returns undefined where the binding has no chain that can be used */
  tlsContextOf(hot: HotBinding): TlsContext | undefined {
    const entry = hot as Entry
    const { contexts } = this.#options
    if (entry.tls === null) return undefined
    if (entry.tls && contexts.isCurrent(entry.tls)) return entry.tls
    this.#dispose(entry)
    entry.tls = contexts.build(entry.binding) ?? null
    return entry.tls ?? undefined
  }

  /** Acts on what changed in the directory; when it returns, no look-up gives what was before. */
  apply({ changes, gap }: Pick<ChangeBatch, 'changes' | 'gap'>): void {
    this.#retryAt = undefined
    if (gap) this.distrust()
    for (const { kind, name } of changes) {
      if (name === '') continue
      for (const flight of this.#flights.values()) {
        if (flight.name === name || flight.parent === name) flight.outdated = true
      }
      if (kind === 'removed') this.#hot.delete(name)
      else this.#markStale(name)
    }
  }

  /** Changes may have been missed: everything is read again before it is used again. */
  distrust(): void {
    this.#generation += 1
    this.#absent.clear()
    for (const flight of this.#flights.values()) flight.outdated = true
  }

  /** Every binding in memory, the most recently used first. */
  *bindings(): IterableIterator<Binding> {
    for (const entry of this.#hot.values()) yield entry.binding
  }

  #isFresh(entry: Entry): boolean {
    return !entry.stale && entry.generation === this.#generation
  }

  #markStale(name: Hostname): void {
    this.#absent.forget(name)
    const entry = this.#hot.peek(name)
    if (entry) entry.stale = true
  }

  #lookUp(name: Hostname): Promise<Entry | undefined> {
    const running = this.#flights.get(name)
    if (running) return running.answer
    if (this.#flights.size >= this.#limits.lookups && !this.#hot.has(name)) {
      this.#options.lookups.refused.value += 1
      const message = 'Cannot look a name up: too many look-ups under way'
      return Promise.reject(new DirectoryError('unavailable', message))
    }
    const flight: Flight = {
      name,
      parent: parentOf(name),
      outdated: false,
      answer: Promise.resolve(undefined),
    }
    this.#flights.set(name, flight)
    flight.answer = this.#fly(flight).finally(() => this.#flights.delete(name))
    return flight.answer
  }

  /** Sees, at most once in a while and while others are served, whether the directory answers again. */
  #probe(name: Hostname, retryAt: number): void {
    const now = this.#options.clock.now()
    if (now < retryAt) return
    this.#retryAt = now + this.#limits.retryMs
    this.#lookUp(name).catch(() => {})
  }

  async #fly(flight: Flight): Promise<Entry | undefined> {
    const { lookups, clock } = this.#options
    try {
      for (let reads = 1; ; reads++) {
        flight.outdated = false
        const binding = await this.#ask(flight.name)
        this.#retryAt = undefined
        if (flight.outdated && reads < MAX_REREADS) continue
        lookups.directory.value += 1
        return this.#learn(flight, binding)
      }
    } catch (error) {
      this.#retryAt = clock.now() + this.#limits.retryMs
      const stale = this.#fallback(flight.name)
      if (stale) return count(lookups.stale, stale)
      lookups.unavailable.value += 1
      throw error
    }
  }

  #ask(name: Hostname): Promise<Binding | undefined> {
    const { directory, clock } = this.#options
    const { lookupMs } = this.#limits
    return new Promise((resolve, reject) => {
      const timer = clock.after(lookupMs, () => {
        const message = `Cannot look a name up: no answer from the directory within ${lookupMs} ms`
        reject(new DirectoryError('unavailable', message))
      })
      directory
        .findBinding(name)
        .finally(() => timer.cancel())
        .then(resolve, reject)
    })
  }

  #learn({ name, outdated }: Flight, binding: Binding | undefined): Entry | undefined {
    if (binding?.hostname !== name) {
      this.#hot.delete(name)
      if (binding && !outdated) this.#absent.addNoOwn(name)
      if (!binding && !outdated) this.#absent.addNothing(name)
    }
    return binding && this.#put(binding, outdated)
  }

  #put(binding: Binding, outdated: boolean): Entry {
    const known = this.#hot.peek(binding.hostname)
    const isSame = known?.binding.hostnameId === binding.hostnameId
    if (known && isSame && known.binding.serial >= binding.serial) {
      // Behind what we have: the directory lags. What we have stays, and is asked for again.
      if (known.binding.serial === binding.serial && !outdated) this.#refresh(known)
      return known
    }
    const entry: Entry = {
      binding,
      tls: undefined,
      stale: outdated,
      generation: this.#generation,
    }
    if (known && isSame && sameTls(known.binding, binding)) {
      entry.tls = known.tls
      known.tls = undefined
    }
    this.#hot.set(binding.hostname, entry)
    return entry
  }

  #dispose(entry: Entry): void {
    if (entry.tls) this.#options.contexts.dispose(entry.tls)
    entry.tls = undefined
  }

  #refresh(entry: Entry): void {
    entry.stale = false
    entry.generation = this.#generation
  }

  /**
   * What may be served while the directory cannot answer. A wildcard only for names known to have no
   * binding of their own: another customer's origin is worse than none.
   */
  #fallback(name: Hostname): Entry | undefined {
    const own = this.#hot.peek(name)
    if (own) return own
    if (!this.#absent.hadNoOwn(name)) return undefined
    const parent = parentOf(name)
    const above = parent && this.#hot.peek(parent)
    return above?.binding.wildcard ? above : undefined
  }
}

function count<T>(cell: Cell, value: T): T {
  cell.value += 1
  return value
}
