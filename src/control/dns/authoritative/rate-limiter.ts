import { LRUCache } from 'lru-cache'

import type { Clock } from '#lib/clock.ts'
import { TokenBucket, type TokenRate } from '#lib/token-bucket.ts'

import { prefixOf } from './source-prefix.ts'

export interface RateLimiterOptions {
  clock: Pick<Clock, 'now'>
  /** Of answers to one prefix. @default 200 a second, 400 at once */
  rate?: TokenRate
  /** Every so manieth answer that is held back goes out cut. @default 2 */
  slip?: number
  /** Prefixes that are remembered; the one that was quiet longest is forgotten. @default 65536 */
  maxPrefixes?: number
}

export type Admission = 'answer' | 'slip' | 'drop'

interface Source {
  bucket: TokenBucket
  held: number
}

/**
 * Response rate limiting: who sends queries under a victim's address gets the victim little. A cut
 * answer is no larger than the question, and brings a real resolver that shares the prefix back by TCP,
 * where nobody can lie about the address.
 */
export class RateLimiter {
  readonly #sources: LRUCache<string, Source>
  readonly #clock: Pick<Clock, 'now'>
  readonly #rate: TokenRate
  readonly #slip: number

  constructor(options: RateLimiterOptions) {
    const { clock, rate = { perSecond: 200, burst: 400 }, slip = 2, maxPrefixes = 65_536 } = options
    this.#sources = new LRUCache({ max: maxPrefixes })
    this.#clock = clock
    this.#rate = rate
    this.#slip = slip
  }

  /** Prefixes remembered. */
  get size(): number {
    return this.#sources.size
  }

  admit(address: string): Admission {
    const now = this.#clock.now()
    const source = this.#sourceOf(prefixOf(address), now)
    if (source.bucket.take(now)) return 'answer'
    source.held += 1
    return source.held % this.#slip === 0 ? 'slip' : 'drop'
  }

  #sourceOf(prefix: string, now: number): Source {
    const known = this.#sources.get(prefix)
    if (known) return known
    const source = { bucket: new TokenBucket(this.#rate, now), held: 0 }
    this.#sources.set(prefix, source)
    return source
  }
}
