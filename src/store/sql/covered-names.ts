import { setImmediate } from 'node:timers/promises'

import type { Kysely } from 'kysely'

import type { NewHold } from '#domain/hold.ts'

import type { Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'

/** Names in one read: one or two milliseconds of an index that holds nothing else. */
const NAMES_PER_READ = 2_000

/**
 * The names at a domain and below it, each once, in batches.
 *
 * A suffix cannot be looked up in an index of names, and one of reversed names would cost every
 * hostname for ever what a rare act of an operator saves: walking the names of a million hostnames
 * takes about two seconds, in short reads between which everything else goes on.
 */
export async function* coveredNames(
  database: SqlDatabase,
  { domain, includeSubdomains }: Pick<NewHold, 'domain' | 'includeSubdomains'>,
): AsyncGenerator<string[]> {
  if (!includeSubdomains) return yield [domain]
  const suffix = `.${domain}`
  let after = ''
  for (;;) {
    const names = await readNamesAfter(database, after)
    const last = names.at(-1)
    if (last === undefined) return
    const covered = names.filter((name) => name === domain || name.endsWith(suffix))
    if (covered.length > 0) yield [...new Set(covered)]
    after = last
    await setImmediate()
  }
}

async function readNamesAfter(database: SqlDatabase, after: string): Promise<string[]> {
  const rows = await database.read((db) => selectNamesAfter(db, after).execute())
  return rows.map(({ hostname }) => hostname)
}

/** Other zones' records of the last name may be left out: the name itself is not. */
export function selectNamesAfter(db: Kysely<Schema>, after: string) {
  return db
    .selectFrom('custom_hostnames')
    .select('hostname')
    .where('hostname', '>', after)
    .orderBy('hostname')
    .limit(NAMES_PER_READ)
}
