import type { CustomHostname } from '#domain/custom-hostname.ts'
import { hasOpenOrder } from '#domain/issuance.ts'
import type { Clock } from '#lib/clock.ts'
import type { Store } from '#store/store.ts'

import { txtValueOf } from '../../ca/key-authorization.ts'
import type { DcvRecords } from './dcv-records.ts'
import { DelegatedZones } from './delegated-zones.ts'

export interface StoreDcvRecordsOptions {
  store: Pick<Store, 'zones' | 'hostnames'>
  clock: Clock
}

/** What is published is what the store says at the moment. */
export function createStoreDcvRecords({ store, clock }: StoreDcvRecordsOptions): DcvRecords {
  const zones = new DelegatedZones({ store, clock })
  return {
    hasDelegation: async (uuid) => (await zones.findZoneId(uuid)) !== undefined,
    async findTxt(hostname, uuid) {
      const zoneId = await zones.findZoneId(uuid)
      if (zoneId === undefined) return undefined
      const named = await store.hostnames.listByName(hostname)
      const records = named.filter((record) => record.zoneId === zoneId && !record.removal)
      if (records.length > 0) return [...new Set(records.flatMap((r) => txtOf(r, clock.now())))]
      return (await store.hostnames.hasNameBelow(zoneId, hostname)) ? [] : undefined
    },
  }
}

/** A wildcard's order has two challenges that are answered at one name: the base's and its own. */
function txtOf({ hostname, chains }: CustomHostname, now: number): string[] {
  return chains.flatMap(({ issuance }) => {
    if (!hasOpenOrder(issuance) || issuance.order.expiresAt <= now) return []
    return issuance.order.challenges
      .filter(({ type, identifier }) => type === 'dns-01' && identifier === hostname)
      .map(({ keyAuthorization }) => txtValueOf(keyAuthorization))
  })
}
