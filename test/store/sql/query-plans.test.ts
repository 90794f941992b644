import { join } from 'node:path'

import { sql, type Kysely, type SelectQueryBuilder } from 'kysely'
import { describe, expect, it } from 'vitest'

import { parseHostname } from '#domain/hostname.ts'
import { createSealer } from '#lib/sealing.ts'
import { selectBelow } from '#store/sql/covered-rows.ts'
import { selectCovering } from '#store/sql/hold-store.ts'
import { selectIdsOfPage } from '#store/sql/hostname-list.ts'
import { selectNameBelow } from '#store/sql/hostname-store.ts'
import { createSqlStore } from '#store/sql/open-sql-store.ts'
import type { Schema } from '#store/sql/schema.ts'
import { openSqliteDatabase } from '#store/sql/sqlite/sqlite-database.ts'
import type { HostnameFilter } from '#store/store.ts'
import type { Page } from '#store/page.ts'
import { aZone, NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

/** What SQLite says of how it runs a query, in a database that was made just now. */
async function explain(
  select: (db: Kysely<Schema>) => Pick<SelectQueryBuilder<Schema, never, unknown>, 'explain'>,
): Promise<string> {
  using dir = tempDir()
  const database = openSqliteDatabase(join(dir.path, 'custos.db'))
  const sealer = createSealer([new Uint8Array(32)])
  await using _store = await createSqlStore(database, { sealer })
  const steps = await database.read((db) =>
    select(db).explain<{ detail: string }>(undefined, sql`query plan`),
  )
  return steps.map(({ detail }) => detail).join('; ')
}

function planOf(filter: HostnameFilter, page: Partial<Page> = {}): Promise<string> {
  const zoneId = aZone().id
  const query = { zoneId, filter, page: { page: 1, perPage: 50, ...page }, now: NOON }
  return explain((db) => selectIdsOfPage(db, query))
}

describe('a list of a million hostnames', () => {
  it.each<[string, HostnameFilter, string]>([
    ['name', { hostname: 'a.customer.com' }, 'custom_hostnames_name (zone_id=? AND hostname=?)'],
    [
      'start of the name',
      { hostnameStartsWith: 'a' },
      'custom_hostnames_name (zone_id=? AND hostname>?',
    ],
    ['status', { hostnameStatus: 'pending' }, 'by_status (zone_id=? AND hostname_status=?)'],
    ['SSL status', { sslStatus: 'initializing' }, 'by_ssl_status (zone_id=? AND ssl_status=?)'],
    ['id', { id: 'x' }, 'sqlite_autoindex_custom_hostnames_1 (id=?)'],
    ['a part of the name', { hostnameContains: 'x' }, 'COVERING INDEX custom_hostnames_list'],
    ['what is configured', { hasSsl: false }, 'COVERING INDEX custom_hostnames_list'],
    ['an expired certificate', { sslStatus: 'expired' }, 'COVERING INDEX custom_hostnames_list'],
  ])('is found through an index by %s', async (_, filter, index) => {
    expect(await planOf(filter)).toContain(index)
  })

  it('is read in order of creation or of name without sorting', async () => {
    expect(await planOf({})).not.toContain('TEMP B-TREE')
    expect(await planOf({}, { direction: 'desc' })).not.toContain('TEMP B-TREE')
    // Names are unique but for those that were given up: only those few are sorted.
    const byName = await planOf({}, { order: 'hostname' })
    expect(byName).toContain('INDEX custom_hostnames_name (zone_id=?)')
    expect(byName).toContain('TEMP B-TREE FOR LAST TERM')
  })
})

describe('the names below a name', () => {
  it('are found by one step into an index', async () => {
    const query = { zoneId: aZone().id, name: 'com.customer' }
    expect(await explain((db) => selectNameBelow(db, query))).toContain(
      'custom_hostnames_by_reversed_name (zone_id=? AND reversed_name>? AND reversed_name<?)',
    )
  })
})

describe('a hold', () => {
  it('is found for a name by a few look-ups of its ancestors', async () => {
    const name = parseHostname('a.b.customer.com')
    expect(await explain((db) => selectCovering(db, name))).toMatch(
      /INDEX \w*holds_1 \(domain=\?\)/,
    )
  })

  it('finds what it covers by a step into an index for each zone', async () => {
    const query = { zoneId: aZone().id, name: 'com.customer', after: { name: 'x', id: 'y' } }
    expect(await explain((db) => selectBelow(db, query))).toMatch(
      /custom_hostnames_by_reversed_name \(zone_id=\? AND reversed_name>\? AND reversed_name<\?\)/,
    )
  })
})
