import { sql, type Expression, type ExpressionBuilder, type Kysely, type SqlBool } from 'kysely'

import { RECORD_COLUMNS, type RecordRow } from './custom-hostname-row.ts'
import type { Schema } from './schema.ts'

/** Other processes, of another version, may give others than we do. */
const LONGEST_LEASE_MS = 3_600_000

/** A lease is an instant in the row: it ends by itself when its holder dies. */
export async function claimDueRows(
  db: Kysely<Schema>,
  { now, leaseMs, limit, again }: { now: number; leaseMs: number; limit: number; again: boolean },
): Promise<RecordRow[]> {
  const due = db
    .selectFrom('custom_hostnames')
    .select('id')
    .where('due_again', '=', again ? 1 : 0)
    .where('due_at', '<=', now)
    .where((eb) => isUnleased(eb, { now, leaseMs }))
    .orderBy('due_at')
    .limit(limit)
  const rows = await db
    .updateTable('custom_hostnames')
    .set({ lease_until: now + leaseMs })
    .where('id', 'in', due)
    .returning([...RECORD_COLUMNS, 'due_at'])
    .execute()
  // RETURNING has no order of its own.
  return rows.sort((a, b) => Number(a.due_at) - Number(b.due_at))
}

/** A lease that ends later than any that is given now was given before the clock was set back. */
function isUnleased(
  eb: ExpressionBuilder<Schema, 'custom_hostnames'>,
  { now, leaseMs }: { now: number; leaseMs: number },
): Expression<SqlBool> {
  const longest = Math.max(leaseMs, LONGEST_LEASE_MS)
  return eb.or([eb('lease_until', '<=', now), eb('lease_until', '>', now + longest)])
}

export function claimRow(
  db: Kysely<Schema>,
  { id, now, leaseMs }: { id: string; now: number; leaseMs: number },
): Promise<RecordRow | undefined> {
  return db
    .updateTable('custom_hostnames')
    .set({ lease_until: now + leaseMs })
    .where('id', '=', id)
    .where((eb) => isUnleased(eb, { now, leaseMs }))
    .returning(RECORD_COLUMNS)
    .executeTakeFirst()
}

/**
 * A record is claimable at the later of `due_at` and `lease_until`. The first in order of `due_at`
 * that needs not wait for a lease bounds the search: only the leased ones before it can be earlier.
 */
export async function readNextDueAt(
  db: Kysely<Schema>,
  again: boolean,
): Promise<number | undefined> {
  const bound = await db
    .selectFrom('custom_hostnames')
    .select('due_at')
    .where('due_again', '=', again ? 1 : 0)
    .where('due_at', 'is not', null)
    .whereRef('lease_until', '<=', 'due_at')
    .orderBy('due_at')
    .limit(1)
    .executeTakeFirst()
  const { leasedUntil } = await db
    .selectFrom('custom_hostnames')
    .select((eb) => eb.fn.min('lease_until').as('leasedUntil'))
    .where('due_again', '=', again ? 1 : 0)
    .where('due_at', 'is not', null)
    .where('due_at', '<', bound?.due_at ?? Number.MAX_SAFE_INTEGER)
    .where('lease_until', '>', sql.ref<number>('due_at'))
    .executeTakeFirstOrThrow()
  const instants = [bound?.due_at, leasedUntil].filter((at) => typeof at === 'number')
  return instants.length > 0 ? Math.min(...instants) : undefined
}
