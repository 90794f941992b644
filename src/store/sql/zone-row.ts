import type { Selectable } from 'kysely'
import { z } from 'zod'

import type { Zone } from '#domain/zone.ts'

import { StoreError } from '../store.ts'
import type { ZoneTable } from './schema.ts'

/** All of a zone that has no column of its own. Raise the version with the shape, as for hostnames. */
type ZoneDocument = Pick<Zone, 'fallbackOrigin' | 'cnameTarget' | 'dcvDelegationUuid' | 'settings'>

const DOCUMENT_VERSION = 1

export type ZoneRow = Omit<Selectable<ZoneTable>, 'hostname_count'>

export function toZoneRow(zone: Zone): ZoneRow {
  const { fallbackOrigin, cnameTarget, dcvDelegationUuid, settings } = zone
  const document: ZoneDocument = { fallbackOrigin, cnameTarget, dcvDelegationUuid, settings }
  return {
    id: zone.id,
    name: zone.name,
    created_at: zone.createdAt,
    document: JSON.stringify(document),
    document_version: DOCUMENT_VERSION,
  }
}

/** @throws {StoreError} `corrupt` */
export function fromZoneRow(row: ZoneRow): Zone {
  try {
    if (row.document_version !== DOCUMENT_VERSION) {
      throw new Error(`unknown document version ${row.document_version}`)
    }
    const { fallbackOrigin, cnameTarget, ...rest } = zoneDocument.parse(JSON.parse(row.document))
    const { id, name, created_at: createdAt } = row
    return { id, name, createdAt, fallbackOrigin, cnameTarget, ...rest }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StoreError('corrupt', `Cannot read the zone ${row.id}: ${reason}`, { cause })
  }
}

const zoneDocument = z.strictObject({
  fallbackOrigin: z
    .strictObject({
      origin: z.strictObject({
        scheme: z.enum(['https', 'http']),
        host: z.string(),
        port: z.number(),
      }),
      createdAt: z.number(),
      updatedAt: z.number(),
      state: z.enum(['active', 'pending_deletion']),
      isDeploying: z.literal(true).exactOptional(),
    })
    .optional(),
  cnameTarget: z.string().optional(),
  dcvDelegationUuid: z.string(),
  settings: z.strictObject({ alwaysUseHttps: z.boolean() }),
})
