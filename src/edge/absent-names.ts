import { LRUCache } from 'lru-cache'

import { parentOf, type Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'

export interface AbsentNamesOptions {
  clock: Pick<Clock, 'now'>
  /** Facts kept; the least used goes first. @default 65_536 */
  maxFacts?: number
  /** How long a fact is believed, in milliseconds. @default 30_000 */
  ttlMs?: number
}

/**
 * What the directory was found not to have, bounded in number and time, so that invented names cost
 * one read each. Two kinds of fact: this name has no binding of its own; this name's parent is no
 * wildcard (kept once for all names below the parent).
 */
export class AbsentNames {
  readonly #facts: LRUCache<string, number>
  readonly #clock: Pick<Clock, 'now'>
  readonly #ttlMs: number

  constructor(options: AbsentNamesOptions) {
    const { clock, maxFacts = 65_536, ttlMs = 30_000 } = options
    this.#facts = new LRUCache({ max: maxFacts })
    this.#clock = clock
    this.#ttlMs = ttlMs
  }

  get size(): number {
    return this.#facts.size
  }

  hasNoOwn(name: Hostname): boolean {
    return this.#holds(name)
  }

  /** The same however long ago, as long as nothing was published since. */
  hadNoOwn(name: Hostname): boolean {
    return this.#facts.has(name)
  }

  hasNoWildcard(parent: Hostname): boolean {
    return this.#holds(`*.${parent}`)
  }

  /** The directory answered with the wildcard of the parent. */
  addNoOwn(name: Hostname): void {
    this.#facts.set(name, this.#clock.now() + this.#ttlMs)
  }

  /** The directory answered with nothing. */
  addNothing(name: Hostname): void {
    this.addNoOwn(name)
    const parent = parentOf(name)
    if (parent) this.#facts.set(`*.${parent}`, this.#clock.now() + this.#ttlMs)
  }

  /** A binding of this name was published: it exists, and may be a wildcard. */
  forget(name: Hostname): void {
    this.#facts.delete(name)
    this.#facts.delete(`*.${name}`)
  }

  clear(): void {
    this.#facts.clear()
  }

  #holds(key: string): boolean {
    const until = this.#facts.get(key)
    return until !== undefined && this.#clock.now() < until
  }
}
