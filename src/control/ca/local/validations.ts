import { LRUCache } from 'lru-cache'

import type { Clock } from '#lib/clock.ts'

import { IssuerError } from '../issuer.ts'
import type { Proof } from './proofs.ts'

/** How far the look at one thing that is to be proved is. */
export type Validation =
  | { state: 'running'; settled: Promise<void> }
  | { state: 'valid' }
  | { state: 'invalid'; problem: string }

export interface ValidationsOptions {
  clock: Clock
  /** How long a proved name needs no new proof, in milliseconds. */
  reuseMs: number
  /** Looks under way at once; beyond it callers are told to wait. @default 1000 */
  maxRunning?: number
  /** Outcomes, and proved names, that are remembered. @default 10000 */
  maxKept?: number
}

export type Look = (signal: AbortSignal) => Promise<string | undefined>

const BUSY_RETRY_MS = 1_000

/** The looks that the CA takes, what came out, and which names are proved for a while. In memory. */
export class Validations {
  readonly #clock: Clock
  readonly #reuseMs: number
  readonly #maxRunning: number
  readonly #byProof: LRUCache<string, Validation>
  readonly #provedUntil: LRUCache<string, number>
  readonly #running = new Set<Promise<void>>()
  readonly #closing = new AbortController()

  constructor({ clock, reuseMs, maxRunning = 1_000, maxKept = 10_000 }: ValidationsOptions) {
    this.#clock = clock
    this.#reuseMs = reuseMs
    this.#maxRunning = maxRunning
    this.#byProof = new LRUCache({ max: maxKept })
    this.#provedUntil = new LRUCache({ max: maxKept })
  }

  /** Until when the name needs no new proof; undefined where it needs one. */
  provedUntil(name: string): number | undefined {
    const until = this.#provedUntil.get(name)
    return until !== undefined && until > this.#clock.now() ? until : undefined
  }

  find(id: string): Validation | undefined {
    return this.#byProof.get(id)
  }

  /**
   * Starts the look; one that was begun before is returned as it is.
   *
   * @param look resolves to the problem in a sentence, or to undefined where all is well
   * @throws {IssuerError} `rate-limited` when too many are under way
   */
  begin({ id, name }: Pick<Proof, 'id' | 'name'>, look: Look): Validation {
    const known = this.#byProof.get(id)
    if (known) return known
    if (this.#running.size >= this.#maxRunning) {
      const message = 'The built-in CA is busy with other validations.'
      throw new IssuerError('rate-limited', message, { retryAfterMs: BUSY_RETRY_MS })
    }
    const settled = this.#run({ id, name }, look).finally(() => this.#running.delete(settled))
    this.#running.add(settled)
    const running: Validation = { state: 'running', settled }
    this.#byProof.set(id, running)
    return running
  }

  /** Ends what is under way and waits for it. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the built-in CA is closing'))
    await Promise.all(this.#running)
  }

  async #run({ id, name }: Pick<Proof, 'id' | 'name'>, look: Look): Promise<void> {
    try {
      const problem = await look(this.#closing.signal)
      if (problem !== undefined) return void this.#byProof.set(id, { state: 'invalid', problem })
      this.#byProof.set(id, { state: 'valid' })
      this.#provedUntil.set(name, this.#clock.now() + this.#reuseMs)
    } catch {
      // Cut off, not answered: nobody knows anything, so whoever asks next begins anew.
      this.#byProof.delete(id)
    }
  }
}
