import type { CustomHostname } from '#domain/custom-hostname.ts'
import { isSettled, type Zone } from '#domain/zone.ts'
import type { ZoneStore } from '#store/store.ts'

const PAGE = 500

export interface SettledOrigin {
  zone: Zone
  outcome: 'deployed' | 'removed'
}

/**
 * Ends the changes of fallback origins that every edge has applied: every hostname that the zone had at
 * that time was published with the new origin, or without one.
 *
 * @param undeployed all hostnames whose newest publication is not applied everywhere
 */
export async function settleFallbackOrigins(
  zones: Pick<ZoneStore, 'list' | 'update'>,
  undeployed: readonly CustomHostname[],
): Promise<SettledOrigin[]> {
  const settled: SettledOrigin[] = []
  for (let page = 1; ; page++) {
    const { items, total } = await zones.list({ page, perPage: PAGE })
    for (const seen of items.filter((zone) => isApplied(zone, undeployed))) {
      const zone = await zones.update(seen.id, (current) => settle(current, seen))
      if (!zone) continue
      if (!zone.fallbackOrigin) settled.push({ zone, outcome: 'removed' })
      else if (isSettled(zone.fallbackOrigin)) settled.push({ zone, outcome: 'deployed' })
    }
    if (page * PAGE >= total) return settled
  }
}

function isApplied({ id, fallbackOrigin }: Zone, undeployed: readonly CustomHostname[]): boolean {
  if (!fallbackOrigin || isSettled(fallbackOrigin)) return false
  const mayBeWithoutIt = ({ zoneId, createdAt }: CustomHostname): boolean =>
    zoneId === id && createdAt <= fallbackOrigin.updatedAt
  return !undeployed.some(mayBeWithoutIt)
}

/** Another origin may have been set meanwhile: that one is under way. */
function settle(zone: Zone, seen: Zone): Zone {
  const { fallbackOrigin } = zone
  if (!fallbackOrigin || fallbackOrigin.updatedAt !== seen.fallbackOrigin?.updatedAt) return zone
  if (fallbackOrigin.state === 'pending_deletion') return { ...zone, fallbackOrigin: undefined }
  const { isDeploying: _, ...deployed } = fallbackOrigin
  return { ...zone, fallbackOrigin: deployed }
}
