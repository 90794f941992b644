import { z } from 'zod'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Zone } from '#domain/zone.ts'
import type { Store } from '#store/store.ts'

import { ApiError } from './api-error.ts'

export const ZONE_PARAMS = z.object({
  zone_id: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .describe('32 lower-case hexadecimal digits.'),
})

export const HOSTNAME_PARAMS = z.object({
  ...ZONE_PARAMS.shape,
  custom_hostname_id: z.guid('must be a UUID of 36 characters'),
})

/** @throws {ApiError} `route-not-found`, as for any path that leads nowhere */
export async function getZone(store: Store, zoneId: string): Promise<Zone> {
  const zone = await store.zones.find(zoneId)
  if (!zone) throw zoneNotFound(zoneId)
  return zone
}

export function zoneNotFound(zoneId: string): ApiError {
  return new ApiError('route-not-found', { reason: `/client/v4/zones/${zoneId}` })
}

/** @throws {ApiError} `hostname-not-found`, also for a hostname of another zone */
export async function getHostname(store: Store, zone: Zone, id: string): Promise<CustomHostname> {
  const record = await store.hostnames.find(id.toLowerCase())
  if (record?.zoneId !== zone.id) throw new ApiError('hostname-not-found')
  return record
}
