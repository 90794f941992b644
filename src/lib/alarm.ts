import type { Clock } from './clock.ts'

/** A sleep that can be cut short. A wake that comes while nobody sleeps cuts the next sleep. */
export class Alarm {
  readonly #clock: Clock
  #isRinging = false
  #wakeUp: () => void = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  wake(): void {
    this.#isRinging = true
    this.#wakeUp()
  }

  /** Resolves after `ms` milliseconds, or at the next wake. One sleeper at a time. */
  async sleep(ms: number): Promise<void> {
    if (!this.#isRinging) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wakeUp = resolve
      const timer = this.#clock.after(ms, resolve)
      await promise
      timer.cancel()
    }
    this.#isRinging = false
  }
}
