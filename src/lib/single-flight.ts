/**
 * Calls for the same key that overlap share one execution and its outcome. Nothing is kept after
 * it settles, so a failure is never cached: the next call tries again.
 */
export class SingleFlight<Key, Value> {
  readonly #running = new Map<Key, Promise<Value>>()

  /** Executions under way now. */
  get size(): number {
    return this.#running.size
  }

  /** Resolves when all executions that are under way have ended, however they end. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }

  run(key: Key, execute: () => Promise<Value>): Promise<Value> {
    const running = this.#running.get(key)
    if (running) return running
    const started = execute().finally(() => this.#running.delete(key))
    this.#running.set(key, started)
    return started
  }
}
