import type { Zone } from '#domain/zone.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'

type Deps = Pick<ApiDependencies, 'store' | 'settings'>

/** Every hostname of a zone counts, also one that is pending or moved, until it is deleted (spec section 6). */
export async function countUsed({ store }: Pick<Deps, 'store'>, zone: Zone): Promise<number> {
  const page = { page: 1, perPage: 1 }
  const deleted = await store.hostnames.list(zone.id, { hostnameStatus: 'deleted' }, page)
  return (await store.hostnames.count(zone.id)) - deleted.total
}

/** @returns warnings for the reply @throws {ApiError} no quota, or none left for one more */
export async function checkQuota(deps: Deps, zone: Zone): Promise<string[]> {
  const { quota } = deps.settings
  if (!quota) return []
  if (quota.hardCap === 0) throw new ApiError('quota-none')
  const used = await countUsed(deps, zone)
  if (used >= quota.hardCap) {
    throw new ApiError('quota-exceeded', { reason: `the zone has ${used} custom hostnames` })
  }
  if (used < quota.allocated) return []
  return [`The zone has more custom hostnames than the ${quota.allocated} allocated to it.`]
}
