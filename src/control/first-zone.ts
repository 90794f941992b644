import { OPERATOR_ORIGINS, parseOrigin } from '#domain/origin.ts'
import type { Zone } from '#domain/zone.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import { StoreError, type Store } from '#store/store.ts'

export interface FirstZoneOptions {
  store: Store
  clock: Clock
  random: Random
  name: string
  fallbackOrigin: string | undefined
  cnameTarget: string | undefined
}

/**
 * Makes the zone that the settings describe when the store has none at all. A zone that exists is
 * never changed from settings: from then on the API is where zones are kept.
 *
 * @returns the zone that was made, or undefined
 * @throws {OriginError} when the fallback origin is not an origin
 */
export async function ensureFirstZone(options: FirstZoneOptions): Promise<Zone | undefined> {
  const { store, random } = options
  const { total } = await store.zones.list({ page: 1, perPage: 1 })
  if (total > 0) return undefined
  const now = options.clock.now()
  const origin = options.fallbackOrigin && parseOrigin(options.fallbackOrigin, OPERATOR_ORIGINS)
  const zone: Zone = {
    id: hex(random, 16),
    name: options.name,
    createdAt: now,
    fallbackOrigin: origin
      ? { origin, createdAt: now, updatedAt: now, state: 'active' }
      : undefined,
    cnameTarget: options.cnameTarget,
    dcvDelegationUuid: hex(random, 8),
    settings: { alwaysUseHttps: true },
  }
  try {
    await store.zones.create(zone)
    return zone
  } catch (error) {
    // Another control process was first: its zone serves as well.
    if (error instanceof StoreError && error.kind === 'duplicate') return undefined
    throw error
  }
}

function hex(random: Random, bytes: number): string {
  return Buffer.from(random.bytes(bytes)).toString('hex')
}
