import type { Clock, Timer } from '#lib/clock.ts'

/** Something with a deadline. Moving the deadline is an assignment: no timer is touched. */
export interface Timed {
  /** Milliseconds since the epoch; `Infinity`: none. */
  deadline: number
  /** Called when the deadline has passed; it sets a later one or takes itself out. */
  onDeadline(): void
}

/** Sweeps that come later than that were not late: the clock was set, or the machine slept. */
const LATE_MS = 10_000

/**
 * Coarse timeouts for many: one timer looks at everybody's deadline every `everyMs`. A request moves
 * its deadline several times; a timer object each time would cost more than the whole look. Fires at
 * most `everyMs` late, never early.
 *
 * Where the system's time jumps, deadlines jump with it: a clock put right must neither end everybody's
 * requests nor let a slow client stay for an hour.
 */
export class Sweeper {
  readonly #members = new Set<Timed>()
  readonly #clock: Clock
  readonly #everyMs: number
  #timer: Timer | undefined
  #lastAt = 0

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
    if (!this.#timer) this.#schedule(this.#clock.now())
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
    this.#followJump(now)
    for (const member of this.#members) {
      if (member.deadline <= now) member.onDeadline()
    }
    if (this.#members.size > 0 && !this.#timer) this.#schedule(now)
  }

  #schedule(now: number): void {
    this.#lastAt = now
    this.#timer = this.#clock.after(this.#everyMs, this.#sweep)
  }

  /** Members that came after the jump cannot be told apart for sure: none of them ends too early. */
  #followJump(now: number): void {
    const jump = now - this.#lastAt - this.#everyMs
    if (jump >= -this.#everyMs && jump <= LATE_MS) return
    for (const member of this.#members) {
      const isFromBefore = jump > 0 ? member.deadline <= now : member.deadline > this.#lastAt
      if (isFromBefore) member.deadline += jump
    }
  }
}
