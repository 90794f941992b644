import { LRUCache } from 'lru-cache'

/** Who waits is remembered as far as this; whoever is forgotten lines up anew. */
const MAX_WAITING = 100_000
const MAX_LINES = 10_000
/** Whoever did not come at its turn, nor soon after, waits no more. */
const PATIENCE_MS = 10 * 60_000

export interface Place {
  /** What is waited for. */
  line: string
  who: string
  /** When it would be possible if nobody else waited. */
  earliest: number
  /** How long after one the next may. */
  stepMs: number
  now: number
}

/** Places are instants too; a turn is the place and the time by which the whole line is late. */
interface Line {
  end: number
  lateMs: number
}

/**
 * Turns for those who wait for the same bucket: each gets an instant of its own, as far from the last
 * one's as tokens come back. Without it ten thousand that wait would all come back at the instant at
 * which there is one token. It is advice, kept in memory: the store alone decides who gets a token.
 *
 * Whoever comes at its turn and gets nothing shows that the line is late: another process was faster,
 * or the CA wants a pause. Then all behind are as late. Each of them moved to the first possible
 * instant by itself, they would all have the same one.
 */
export class WaitingLine {
  readonly #lines = new LRUCache<string, Line>({ max: MAX_LINES })
  readonly #places = new LRUCache<string, number>({ max: MAX_WAITING })

  /**
   * The caller's turn. Who asks again keeps it; who lost it to another is next. So nobody is sent to
   * the end of the line twice.
   */
  placeOf({ line, who, earliest, stepMs, now }: Place): number {
    const key = `${line}\n${who}`
    const { end, lateMs } = this.#lines.get(line) ?? { end: 0, lateMs: 0 }
    const remembered = this.#places.get(key)
    const oldest = now - lateMs - Math.max(PATIENCE_MS, stepMs)
    const known = remembered !== undefined && remembered >= oldest ? remembered : undefined
    const place = known ?? Math.max(earliest - lateMs, end)
    const nowLateMs = Math.max(lateMs, earliest - place)
    this.#places.set(key, place)
    this.#lines.set(line, { end: Math.max(end, place + stepMs), lateMs: nowLateMs })
    return place + nowLateMs
  }

  /** The caller waits no more. */
  leave({ line, who }: Pick<Place, 'line' | 'who'>): void {
    this.#places.delete(`${line}\n${who}`)
  }
}
