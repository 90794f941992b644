import { expect, it } from 'vitest'

import { observeLifecycle } from '#control/lifecycle/lifecycle-metrics.ts'
import { Metrics, renderMetrics } from '#lib/metrics.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { aHostname, aZone, NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

const YEAR = 365 * 86_400_000

it('shows what is overdue, and what a clock wrote that was ahead', async () => {
  using dir = tempDir()
  const clock = fakeClock(NOON)
  const sealer = createSealer([Buffer.alloc(32, 1)])
  await using store = await openSqlStore({ path: `${dir.path}/custos.db`, sealer, clock })
  const metrics = new Metrics()
  const publisher = { isConnected: true }
  observeLifecycle({ metrics, store, clock, publisher, lifecycle: { running: 0 } })
  const lines = async (): Promise<string> => renderMetrics([await metrics.snapshot()])
  await store.zones.create(aZone())
  expect(await lines()).toMatch(/^custos_lifecycle_misdated 0$/m)
  await store.hostnames.create(aHostname({}, NOON - 90_000))
  await store.hostnames.create(aHostname({}, NOON + YEAR))
  expect(await lines()).toMatch(/^custos_lifecycle_misdated 1$/m)
  expect(await lines()).toMatch(/^custos_lifecycle_overdue_seconds 90$/m)
})
