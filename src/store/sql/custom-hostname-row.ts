import type { Selectable } from 'kysely'
import { LRUCache } from 'lru-cache'

import { expiryWarningAt } from '#domain/certificate.ts'
import { dueAt, isLookedAtAgain, type CustomHostname } from '#domain/custom-hostname.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'
import { earliestWriteOf } from '#domain/misdated.ts'
import { hostnameStatus, removalOverdueAt, sslStatus, type SslStatus } from '#domain/status.ts'
import { deepFreeze } from '#lib/deep-freeze.ts'

import { StoreError } from '../store.ts'
import {
  DOCUMENT_VERSION,
  parseDocument,
  renderDocument,
  type CustomHostnameDocument,
} from './custom-hostname-document.ts'
import type { CustomHostnameTable, HostnameIndexColumns } from './schema.ts'

export type CustomHostnameRow = Omit<Selectable<CustomHostnameTable>, 'lease_until'>

/** The whole row of a record, without the lease, which is not the record's. */
export function toRow(record: CustomHostname): CustomHostnameRow {
  const { published, serial, appliedSerial } = record.deployment
  return {
    id: record.id,
    zone_id: record.zoneId,
    hostname: record.hostname,
    created_at: record.createdAt,
    serial,
    published_serial: published?.serial ?? null,
    published_change_id: published?.changeId ?? null,
    applied_serial: appliedSerial,
    document: renderDocument(record),
    document_version: DOCUMENT_VERSION,
    ...deriveIndexColumns(record),
  }
}

/**
 * The columns of the row in the store that are to change for the record. Only these are written: a column
 * that is set has all its indexes written anew, even where it keeps its value, and there are ten.
 *
 * @returns undefined: none
 */
export function changesOf(
  stored: CustomHostnameRow,
  record: CustomHostname,
): Partial<CustomHostnameRow> | undefined {
  const wanted = toRow(record)
  const known = new Map<string, unknown>(Object.entries(stored))
  const changed = Object.entries(wanted).filter(([column, value]) => known.get(column) !== value)
  return changed.length === 0 ? undefined : Object.fromEntries(changed)
}

/** The columns that a record is read from. */
export const RECORD_COLUMNS = [
  'id',
  'zone_id',
  'hostname',
  'created_at',
  'serial',
  'published_serial',
  'published_change_id',
  'applied_serial',
  'document',
  'document_version',
] as const satisfies readonly (keyof CustomHostnameRow)[]

export type RecordRow = Pick<CustomHostnameRow, (typeof RECORD_COLUMNS)[number]>

/** @throws {StoreError} `corrupt` */
export type ReadRecord = (row: RecordRow) => CustomHostname

/** What is parsed of a row. */
interface Parsed {
  hostname: Hostname
  document: CustomHostnameDocument
}

/** Records whose parsed rows are kept; a document has a few KiB. */
const MAX_KEPT = 1_000

/**
 * Reads records, and parses no text again that is as it was when it was last read: a hostname is read
 * a hundred times for fifteen versions of it. Only the text that the row has now counts, whoever wrote
 * it. What was parsed is frozen, because several records may be made of it.
 */
export function createRecordReader({ maxKept = MAX_KEPT } = {}): ReadRecord {
  const kept = new LRUCache<string, { row: RecordRow; parsed: Parsed }>({ max: maxKept })
  return (row) => {
    const known = kept.get(row.id)
    if (known && isSameText(known.row, row)) return fromRow(row, () => known.parsed)
    return fromRow(row, () => {
      const parsed = deepFreeze(parseRow(row))
      kept.set(row.id, { row, parsed })
      return parsed
    })
  }
}

function isSameText(one: RecordRow, other: RecordRow): boolean {
  return (
    one.document === other.document &&
    one.document_version === other.document_version &&
    one.hostname === other.hostname
  )
}

function parseRow(row: RecordRow): Parsed {
  return {
    hostname: parseHostname(row.hostname, { allowReservedTlds: true }),
    document: parseDocument(row.document, row.document_version),
  }
}

function fromRow(row: RecordRow, parse: () => Parsed): CustomHostname {
  try {
    const { hostname, document } = parse()
    return {
      id: row.id,
      zoneId: row.zone_id,
      hostname,
      createdAt: row.created_at,
      ...document,
      deployment: {
        serial: row.serial,
        published: publishedOf(row),
        appliedSerial: row.applied_serial,
      },
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StoreError('corrupt', `Cannot read the custom hostname ${row.id}: ${reason}`, {
      cause,
    })
  }
}

function publishedOf(
  row: Pick<CustomHostnameRow, 'published_serial' | 'published_change_id'>,
): CustomHostname['deployment']['published'] {
  const { published_serial: serial, published_change_id: changeId } = row
  return serial === null || changeId === null ? undefined : { serial, changeId }
}

/** The one place where index columns come from; every write of a record goes through it. */
export function deriveIndexColumns(record: CustomHostname): HostnameIndexColumns {
  return {
    due_at: dueAt(record) ?? null,
    due_again: isLookedAtAgain(record) ? 1 : 0,
    written_after: earliestWriteOf(record) ?? null,
    hostname_status: hostnameStatus(record),
    ssl_status: sslStatus(record, -Infinity) ?? null,
    ssl_overdue_at:
      firstInstantOf(record, 'deployment_timed_out') ??
      firstInstantOf(record, 'deletion_timed_out'),
    ssl_expiring_at: firstInstantOf(record, 'pending_expiration'),
    ssl_expires_at: firstInstantOf(record, 'expired'),
    has_ssl: record.ssl ? 1 : 0,
    wildcard: record.ssl?.wildcard ? 1 : 0,
    certificate_authority: record.ssl?.certificateAuthority ?? null,
    custom_origin_server: record.customOriginServer?.toLowerCase() ?? null,
    reversed_name: reverseLabels(record.hostname),
    name_claim: record.ownership.state === 'deleted' ? record.id : '',
    deployment_order: deploymentOrderOf(record),
  }
}

/** `com.customer.app` of `app.customer.com`. */
export function reverseLabels(hostname: string): string {
  return hostname.split('.').reverse().join('.')
}

/**
 * When `sslStatus` will turn to `status` if nothing else happens. It changes by itself only where a
 * certificate nears its end or ends, or the deadline of a deployment or a removal passes.
 */
function firstInstantOf(record: CustomHostname, status: SslStatus): number | null {
  const instants = record.chains.flatMap(({ certificate, issuance }) => [
    ...(certificate
      ? [
          expiryWarningAt(certificate, { isUploaded: issuance.state === 'uploaded' }),
          certificate.notAfter,
        ]
      : []),
    ...(issuance.state === 'deploying' ? [issuance.nextAt] : []),
  ])
  if (record.removal) instants.push(removalOverdueAt(record.removal))
  const ordered = instants.sort((a, b) => a - b)
  return ordered.find((instant) => sslStatus(record, instant) === status) ?? null
}

/**
 * First the removals that only wait to be taken out of the store, then what waits for the edges, the
 * oldest change first, so that those whom the edges have reached are never behind those whom they
 * have not; last what was not yet published.
 */
function deploymentOrderOf(record: CustomHostname): string | null {
  const { serial, published, appliedSerial } = record.deployment
  if (published && published.serial > appliedSerial) return `1 ${published.changeId}`
  if (appliedSerial < serial) return UNPUBLISHED
  return record.removal ? '0' : null
}

export const UNPUBLISHED = '2'
