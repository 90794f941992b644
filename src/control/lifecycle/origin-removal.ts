import type { Zone } from '#domain/zone.ts'
import type { Store } from '#store/store.ts'

const PAGE = 500

/**
 * Ends the removal of fallback origins. To be called when every publication is applied everywhere:
 * from then on no edge sends anything there.
 *
 * @returns the zones that have no fallback origin any more
 */
export async function finishOriginRemovals(store: Store): Promise<Zone[]> {
  const finished: Zone[] = []
  for (let page = 1; ; page++) {
    const { items, total } = await store.zones.list({ page, perPage: PAGE })
    for (const { id } of items.filter(isLeaving)) {
      const zone = await store.zones.update(id, withoutOrigin)
      if (zone) finished.push(zone)
    }
    if (page * PAGE >= total) return finished
  }
}

function isLeaving({ fallbackOrigin }: Zone): boolean {
  return fallbackOrigin?.state === 'pending_deletion'
}

/** A new origin may have been set meanwhile: that one stays. */
function withoutOrigin(zone: Zone): Zone {
  return isLeaving(zone) ? { ...zone, fallbackOrigin: undefined } : zone
}
