import type { DatabaseSync } from 'node:sqlite'

/**
 * What SQLite's planner is told of the tables (sqlite.org/fileformat2.html#the_sqlite_stat1_table):
 * the rows of an index, then for each further column how many rows share the columns so far. They
 * are written down instead of measured by ANALYZE, so that a statement has the same plan on every
 * machine and from the first row on: that of a million hostnames.
 */
const STATISTICS: readonly [table: string, index: string, statistics: string][] = [
  ['custom_hostnames', 'sqlite_autoindex_custom_hostnames_1', '1000000 1'],
  ['custom_hostnames', 'custom_hostnames_name', '1000000 100000 1 1'],
  ['custom_hostnames', 'custom_hostnames_by_name', '1000000 2 1'],
  ['custom_hostnames', 'custom_hostnames_by_reversed_name', '1000000 100000 1'],
  ['custom_hostnames', 'custom_hostnames_due', '1000000 1 1'],
  ['custom_hostnames', 'custom_hostnames_undeployed', '1000 1 1'],
  ['custom_hostnames', 'custom_hostnames_by_status', '1000000 100000 10000 1 1'],
  ['custom_hostnames', 'custom_hostnames_by_ssl_status', '1000000 100000 10000 1 1 1 1'],
  ['custom_hostnames', 'custom_hostnames_list', '1000000 100000 1 1 1 1 1 1 1 1 1 1'],
  ['certificates', 'sqlite_autoindex_certificates_1', '2000000 1'],
  ['certificates', 'certificates_by_hostname', '2000000 2 1 1'],
  ['rate_buckets', 'sqlite_autoindex_rate_buckets_1', '100000 50000 10000 1'],
  ['rate_buckets', 'rate_buckets_full', '100000 1'],
  ['timeline', 'sqlite_autoindex_timeline_1', '50000000 50 1'],
]

/** Writes them where they differ. Other connections read them when they next read the schema. */
export function writePlannerStatistics(db: DatabaseSync): void {
  // Makes the table, which cannot be made by hand.
  db.exec('ANALYZE sqlite_schema')
  const present = db.prepare('SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY idx').all()
  if (JSON.stringify(present) === JSON.stringify(wanted())) return
  db.exec('DELETE FROM sqlite_stat1')
  const insert = db.prepare('INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)')
  for (const row of STATISTICS) insert.run(...row)
  db.exec('ANALYZE sqlite_schema')
}

function wanted(): { tbl: string; idx: string; stat: string }[] {
  return STATISTICS.map(([tbl, idx, stat]) => ({ tbl, idx, stat })).sort((a, b) =>
    a.idx < b.idx ? -1 : 1,
  )
}
