import { LRUCache } from 'lru-cache'

/** Who waits is remembered as far as this; whoever is forgotten lines up anew. */
const MAX_WAITING = 100_000
const MAX_LINES = 10_000

export interface Place {
  /** What is waited for. */
  line: string
  who: string
  /** When it would be possible if nobody else waited. */
  earliest: number
  /** How long after one the next may. */
  stepMs: number
}

/**
 * Turns for those who wait for the same bucket: each gets an instant of its own, as far from the last
 * one's as tokens come back. Without it ten thousand that wait would all come back at the instant at
 * which there is one token. It is advice, kept in memory: the store alone decides who gets a token.
 */
export class WaitingLine {
  readonly #ends = new LRUCache<string, number>({ max: MAX_LINES })
  readonly #places = new LRUCache<string, number>({ max: MAX_WAITING })

  /**
   * The caller's turn. Who asks again keeps it; who lost it to another is next. So nobody is sent to
   * the end of the line twice.
   */
  placeOf({ line, who, earliest, stepMs }: Place): number {
    const key = `${line}\n${who}`
    const known = this.#places.get(key)
    const turn = Math.max(earliest, known ?? this.#ends.get(line) ?? 0)
    this.#places.set(key, turn)
    if (known === undefined) this.#ends.set(line, turn + stepMs)
    return turn
  }

  /** The caller waits no more. */
  leave({ line, who }: Pick<Place, 'line' | 'who'>): void {
    this.#places.delete(`${line}\n${who}`)
  }
}
