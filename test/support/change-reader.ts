import type { ChangeBatch, ChangeId, EdgeDirectory } from '#directory/directory.ts'

/** One reader of a directory's change log. */
export class ChangeReader implements AsyncDisposable {
  readonly #abort = new AbortController()
  readonly #batches: AsyncIterator<ChangeBatch>
  upTo: ChangeId | undefined
  largestBatch = 0

  constructor(edge: EdgeDirectory, after: ChangeId | undefined) {
    this.#batches = edge.watch(after, this.#abort.signal)[Symbol.asyncIterator]()
  }

  async next(): Promise<ChangeBatch> {
    const { done, value } = await this.#batches.next()
    if (done) throw new Error('the watch has ended')
    this.upTo = value.upTo
    this.largestBatch = Math.max(this.largestBatch, value.changes.length)
    return value
  }

  /** The next `count` changes, in as many batches as they come in. */
  async changes(count: number): Promise<ChangeBatch['changes']> {
    const seen: ChangeBatch['changes'][number][] = []
    while (seen.length < count) {
      const batch = await this.next()
      if (batch.gap) throw new Error('there is a gap')
      seen.push(...batch.changes)
    }
    return seen
  }

  /** Whether the next thing that happens is the end. */
  async end(): Promise<boolean> {
    return (await this.#batches.next()).done === true
  }

  abort(): void {
    this.#abort.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort()
    await this.#batches.return?.()
  }
}
