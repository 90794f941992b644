import { HEARTBEAT_TTL_MS, type ChangeId, type Heartbeat } from '#directory/directory.ts'

/**
 * Which edges must have applied a change. Normally those that report. After the directory lost what
 * it held, reports included, also those that reported before: an edge that has not found its way back
 * yet is serving all the same.
 */
export class EdgeRoll {
  #known: readonly string[] = []
  /** Edges that have yet to come back, with the instant until which they are waited for. */
  readonly #awaited = new Map<string, number>()

  /** The directory lost what it held: whoever was known must report again, or be silent too long. */
  noteLoss(now: number): void {
    for (const edgeId of this.#known) this.#awaited.set(edgeId, now + HEARTBEAT_TTL_MS)
  }

  /** @returns the place that all have reached; undefined while there is nobody, or somebody to wait for */
  observe(edges: readonly Heartbeat[], now: number): ChangeId | undefined {
    this.#known = edges.map(({ edgeId }) => edgeId)
    for (const edgeId of this.#known) this.#awaited.delete(edgeId)
    for (const [edgeId, until] of this.#awaited) {
      // Further off than it was ever set: the clock was set back.
      if (until <= now || until > now + HEARTBEAT_TTL_MS) this.#awaited.delete(edgeId)
    }
    if (edges.length === 0 || this.#awaited.size > 0) return undefined
    return edges.map(({ applied }) => applied).reduce((a, b) => (a < b ? a : b))
  }
}
