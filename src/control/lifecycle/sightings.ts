import { LRUCache } from 'lru-cache'

import type { Heartbeat } from '#directory/directory.ts'
import type { Sighting } from '#directory/sighting.ts'

/** A sighting and who had it. Edge and sequence together name it for good, over restarts of both sides. */
export interface EdgeSighting extends Sighting {
  edgeId: string
}

/** Edges remembered. A process of an edge is an edge: each start of one is new. */
const MAX_EDGES = 16_384

/**
 * Finds what is new in the edges' reports. Heartbeats carry a sighting for a while
 * (`SIGHTING_TTL_MS`), and are read many times meanwhile: each is handed out once.
 *
 * Another collector, and this process after its restart, hands them out again: whoever writes them
 * down takes one that is there already for the same. Every worker tells its own first handshake.
 */
export class SightingCollector {
  /** Edge → the highest sequence seen of it, also of edges that are silent: they may come back. */
  readonly #newest = new LRUCache<string, number>({ max: MAX_EDGES })
  #missed = 0

  /** Sightings that were gone from the reports before they were read, as the gaps tell. */
  get missed(): number {
    return this.#missed
  }

  /** @param edges as `DirectoryPublisher.listEdges` gives them @returns what is new, the oldest first */
  collect(edges: readonly Heartbeat[]): EdgeSighting[] {
    const found: EdgeSighting[] = []
    for (const { edgeId, sightings = [] } of edges) {
      for (const sighting of sightings) {
        if (this.#isNew(edgeId, sighting)) found.push({ edgeId, ...sighting })
      }
    }
    return found.sort((a, b) => a.at - b.at)
  }

  #isNew(edgeId: string, { sequence }: Sighting): boolean {
    const newest = this.#newest.get(edgeId)
    if (newest !== undefined && sequence <= newest) return false
    if (newest !== undefined) this.#missed += sequence - newest - 1
    this.#newest.set(edgeId, sequence)
    return true
  }
}
