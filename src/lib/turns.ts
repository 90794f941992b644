export interface TurnsOptions {
  /** Works that run side by side. */
  atOnce: number
  /** Works that wait for one of them to end; more are turned away. */
  maxWaiting: number
}

/** Too many wait already. */
export class CrowdedError extends Error {
  override readonly name = 'CrowdedError'
}

/** Costly work in turns, in the order in which it was asked for. */
export class Turns {
  readonly #options: TurnsOptions
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(options: TurnsOptions) {
    this.#options = options
  }

  /** @throws {CrowdedError} (as a rejection) without running it */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const { atOnce, maxWaiting } = this.#options
    if (this.#running < atOnce) this.#running += 1
    else if (this.#waiting.length < maxWaiting) await this.#turn()
    else throw new CrowdedError(`more than ${maxWaiting} wait already`)
    try {
      return await work()
    } finally {
      this.#passOn()
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** To the one that waits longest: its place among the running ones is taken already. */
  #passOn(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#running -= 1
  }
}
