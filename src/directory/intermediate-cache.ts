import { LRUCache } from 'lru-cache'

import { intermediateId, type ResolveIntermediates } from './binding-codec.ts'
import { corrupt } from './bytes.ts'

/** A fleet with several CAs has a few dozen intermediates; at 1 to 2 KB each this is small. */
const MAX_INTERMEDIATES = 512

/**
 * Remembers intermediates, so that they are read once a process and all bindings share one copy.
 * They are named by their hash: what is remembered never gets stale.
 *
 * @param load reads those that are not remembered; may leave out what does not exist
 */
export function createIntermediateCache(load: ResolveIntermediates): ResolveIntermediates {
  const cache = new LRUCache<string, Uint8Array>({ max: MAX_INTERMEDIATES })
  return async (ids) => {
    const found = new Map<string, Uint8Array>()
    for (const id of ids) {
      const der = cache.get(id)
      if (der) found.set(id, der)
    }
    const missing = ids.filter((id) => !found.has(id))
    if (missing.length === 0) return found
    for (const [id, der] of await load(missing)) {
      if (intermediateId(der) !== id) throw corrupt(`intermediate ${id} fails its checksum`)
      cache.set(id, der)
      found.set(id, der)
    }
    return found
  }
}
