import { sql, type Kysely, type RawBuilder, type SelectQueryBuilder } from 'kysely'

import type { SslStatus } from '#domain/status.ts'

import type { Page } from '../page.ts'
import type { HostnameFilter } from '../store.ts'
import { RECORD_COLUMNS, type CustomHostnameRow } from './custom-hostname-row.ts'
import { limitsOf } from './page.ts'
import type { Schema } from './schema.ts'

export interface HostnameListQuery {
  zoneId: string
  filter: HostnameFilter
  page: Page
  /** At which `ssl_status` is told. */
  now: number
}

export interface HostnameRows {
  rows: Pick<CustomHostnameRow, (typeof RECORD_COLUMNS)[number]>[]
  total: number
}

/**
 * Finds the ids of the page on the list's index alone and only then reads those documents, so that
 * a late page costs no more than stepping over index entries.
 */
export async function listHostnameRows(
  db: Kysely<Schema>,
  query: HostnameListQuery,
): Promise<HostnameRows> {
  const page = db.selectFrom('custom_hostnames').where('id', 'in', selectIdsOfPage(db, query))
  const rows = await ordered(page, query).select(RECORD_COLUMNS).execute()
  return { rows, total: await countMatching(db, query) }
}

export function selectIdsOfPage(
  db: Kysely<Schema>,
  query: HostnameListQuery,
): Hostnames<{ id: string }> {
  const { limit, offset } = limitsOf(query.page)
  return ordered(filtered(db, query), query).select('id').limit(limit).offset(offset)
}

export async function countHostnames(db: Kysely<Schema>, zoneId: string): Promise<number> {
  const zone = await db
    .selectFrom('zones')
    .select('hostname_count')
    .where('id', '=', zoneId)
    .executeTakeFirst()
  return zone?.hostname_count ?? 0
}

export async function countAllHostnames(db: Kysely<Schema>): Promise<number> {
  const zones = await db.selectFrom('zones').select('hostname_count').execute()
  return zones.reduce((sum, zone) => sum + zone.hostname_count, 0)
}

async function countMatching(db: Kysely<Schema>, query: HostnameListQuery): Promise<number> {
  const isUnfiltered = Object.values(query.filter).every((value) => value === undefined)
  if (isUnfiltered) return countHostnames(db, query.zoneId)
  const { total } = await filtered(db, query)
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow()
  return total
}

type Hostnames<Output> = SelectQueryBuilder<Schema, 'custom_hostnames', Output>

function filtered(db: Kysely<Schema>, { zoneId, filter, now }: HostnameListQuery): Hostnames<{}> {
  const { hostnameContains, hostnameStartsWith, sslStatus } = filter
  let query: Hostnames<{}> = db.selectFrom('custom_hostnames').where('zone_id', '=', zoneId)
  for (const [column, value] of equalities(filter)) query = query.where(column, '=', value)
  if (hostnameStartsWith !== undefined) {
    const first = hostnameStartsWith.toLowerCase()
    // A range, which an index serves; names are ASCII, so none continues with DEL.
    query = query.where('hostname', '>=', first).where('hostname', '<', `${first}\x7f`)
  }
  if (hostnameContains !== undefined) {
    query = query.where(sql<boolean>`hostname LIKE ${likeContains(hostnameContains)} ESCAPE '\\'`)
  }
  return sslStatus === undefined ? query : withSslStatus(query, { sslStatus, now })
}

/** What `sslStatusAt` says, but for a status that time does not bring about so that an index serves. */
function withSslStatus(
  query: Hostnames<{}>,
  { sslStatus, now }: { sslStatus: SslStatus; now: number },
): Hostnames<{}> {
  const isOfTime = OF_TIME.has(sslStatus)
  const matching = query.where(sslStatusAt(now), '=', sslStatus)
  return isOfTime ? matching : matching.where('ssl_status', '=', sslStatus)
}

/** In which a hostname comes to be without being written. */
const OF_TIME = new Set<SslStatus>([
  'expired',
  'pending_expiration',
  'deployment_timed_out',
  'deletion_timed_out',
])

type EqualityColumn =
  | 'id'
  | 'hostname'
  | 'hostname_status'
  | 'certificate_authority'
  | 'custom_origin_server'
  | 'has_ssl'
  | 'wildcard'

function equalities(filter: HostnameFilter): [EqualityColumn, string | number][] {
  const all: [EqualityColumn, string | number | undefined][] = [
    ['id', filter.id],
    ['hostname', filter.hostname?.toLowerCase()],
    ['hostname_status', filter.hostnameStatus],
    ['certificate_authority', filter.certificateAuthority],
    ['custom_origin_server', filter.customOriginServer?.toLowerCase()],
    ['has_ssl', flag(filter.hasSsl)],
    ['wildcard', flag(filter.wildcard)],
  ]
  return all.flatMap(([column, value]) => (value === undefined ? [] : [[column, value]]))
}

function flag(value: boolean | undefined): number | undefined {
  return value === undefined ? undefined : Number(value)
}

/** `%` and `_` in the text mean themselves. */
function likeContains(text: string): string {
  return `%${text.toLowerCase().replace(/[\\%_]/g, String.raw`\$&`)}%`
}

/** What `sslStatus` says of the record at `now`; see the columns in schema.ts. */
function sslStatusAt(now: number): RawBuilder<string> {
  return sql<string>`CASE
    WHEN ssl_expires_at <= ${now} THEN 'expired'
    WHEN ssl_expiring_at <= ${now} THEN 'pending_expiration'
    WHEN ssl_overdue_at <= ${now} AND ssl_status = 'pending_deletion' THEN 'deletion_timed_out'
    WHEN ssl_overdue_at <= ${now} THEN 'deployment_timed_out'
    ELSE coalesce(ssl_status, '') END`
}

function ordered<Output>(
  query: Hostnames<Output>,
  { page, now }: HostnameListQuery,
): Hostnames<Output> {
  const { order = 'created', direction = 'asc' } = page
  const first = {
    created: () => query.orderBy('created_at', direction),
    hostname: () => query.orderBy('hostname', direction),
    ssl_status: () => query.orderBy(sslStatusAt(now), direction).orderBy('created_at', direction),
  }
  return first[order]().orderBy('id', direction)
}
