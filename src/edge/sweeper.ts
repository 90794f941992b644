import type { Clock, Timer } from '#lib/clock.ts'

/** Something with a deadline. Moving the deadline is an assignment: no timer is touched. */
export interface Timed {
  /** Milliseconds since the epoch; `Infinity`: none. */
  deadline: number
  /** Called when the deadline has passed; it sets a later one or takes itself out. */
  onDeadline(): void
}

/**
 * Coarse timeouts for many: one timer looks at everybody's deadline every `everyMs`. A request moves
 * its deadline several times; a timer object each time would cost more than the whole look. Fires at
 * most `everyMs` late, never early.
 */
export class Sweeper {
  readonly #members = new Set<Timed>()
  readonly #clock: Clock
  readonly #everyMs: number
  #timer: Timer | undefined

  /** @param everyMs @default 250 */
  constructor(clock: Clock, everyMs = 250) {
    this.#clock = clock
    this.#everyMs = everyMs
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#clock.now()
  }

  add(member: Timed): void {
    this.#members.add(member)
    this.#timer ??= this.#clock.after(this.#everyMs, this.#sweep)
  }

  delete(member: Timed): void {
    this.#members.delete(member)
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#members.clear()
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    const now = this.#clock.now()
    for (const member of this.#members) {
      if (member.deadline <= now) member.onDeadline()
    }
    if (this.#members.size > 0) {
      this.#timer ??= this.#clock.after(this.#everyMs, this.#sweep)
    }
  }
}
