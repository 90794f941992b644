import { join } from 'node:path'

import { onTestFinished } from 'vitest'

import type { Budget, PlannedOrder } from '#control/ca/budget.ts'
import { createLedger } from '#control/ca/ledger.ts'
import { caLimitsOf, UNLIMITED, type CaLimits } from '#domain/ca-limits.ts'
import { parseHostname } from '#domain/hostname.ts'
import { Metrics, renderMetrics } from '#lib/metrics.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR
export const LETS_ENCRYPT = caLimitsOf('https://acme-v02.api.letsencrypt.org/directory')

export interface LedgerUnderTest {
  ledger: Budget
  /** Of another control process on the same store. */
  other: Budget
  clock: FakeClock
  scrape(): Promise<string>
}

/** Two ledgers, each on a store of its own, both on one file. The CA is `le` in them. */
export async function openLedgers(limits: CaLimits = LETS_ENCRYPT): Promise<LedgerUnderTest> {
  const dir = tempDir()
  onTestFinished(() => dir.remove())
  const clock = fakeClock(NOON)
  const sealer = createSealer([new Uint8Array(32)])
  const limitsOf = (ca: string): CaLimits => (ca === 'le' ? limits : UNLIMITED)
  const open = async (metrics: Metrics): Promise<Budget> => {
    const store = await openSqlStore({ path: join(dir.path, 'custos.db'), sealer, clock })
    onTestFinished(() => store.close())
    return createLedger({ store, clock, metrics, cas: ['le', 'own'], limitsOf })
  }
  const metrics = new Metrics()
  return {
    ledger: await open(metrics),
    other: await open(new Metrics()),
    clock,
    scrape: async () => renderMetrics([await metrics.snapshot()]),
  }
}

/** An order of `app<n>.customer<n>.com`, which leads here, in a zone of its own. */
export function anOrderOf(n: number, change: Partial<PlannedOrder> = {}): PlannedOrder {
  const hostname = change.hostname ?? parseHostname(`app${n}.customer${n}.com`)
  const names = [hostname]
  const zone = { zoneId: `zone${n}`, isReady: true }
  return { ca: 'le', hostname, names, ...zone, priority: 'new', exemption: 'none', ...change }
}
