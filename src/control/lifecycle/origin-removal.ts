import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Zone } from '#domain/zone.ts'
import type { Store } from '#store/store.ts'

const PAGE = 500

/**
 * Ends the removal of fallback origins that no edge sends anything to any more: every hostname that
 * the zone had at that time was published without it, and applied everywhere.
 *
 * @param undeployed all hostnames whose newest publication is not applied everywhere
 * @returns the zones that have no fallback origin any more
 */
export async function finishOriginRemovals(
  store: Store,
  undeployed: readonly CustomHostname[],
): Promise<Zone[]> {
  const finished: Zone[] = []
  for (let page = 1; ; page++) {
    const { items, total } = await store.zones.list({ page, perPage: PAGE })
    for (const { id } of items.filter((zone) => isLeft(zone, undeployed))) {
      const zone = await store.zones.update(id, withoutOrigin)
      if (zone) finished.push(zone)
    }
    if (page * PAGE >= total) return finished
  }
}

function isLeaving({ fallbackOrigin }: Zone): boolean {
  return fallbackOrigin?.state === 'pending_deletion'
}

function isLeft(zone: Zone, undeployed: readonly CustomHostname[]): boolean {
  const removedAt = zone.fallbackOrigin?.updatedAt ?? 0
  const mayHaveIt = ({ zoneId, createdAt }: CustomHostname): boolean =>
    zoneId === zone.id && createdAt <= removedAt
  return isLeaving(zone) && !undeployed.some(mayHaveIt)
}

/** A new origin may have been set meanwhile: that one stays. */
function withoutOrigin(zone: Zone): Zone {
  return isLeaving(zone) ? { ...zone, fallbackOrigin: undefined } : zone
}
