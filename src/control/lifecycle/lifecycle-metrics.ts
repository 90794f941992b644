import type { Clock } from '#lib/clock.ts'
import type { Metrics } from '#lib/metrics.ts'
import type { Store } from '#store/store.ts'

export interface LifecycleMetricsOptions {
  metrics: Metrics
  store: Store
  lifecycle: { readonly running: number }
  publisher: { readonly isConnected: boolean }
  clock: Clock
}

const DAY_MS = 86_400_000
/**
 * `0d`: over already. Renewals begin 30 days before the end, or at a third of a short life; then whoever
 * has uploaded a certificate is told of it.
 */
const HORIZONS = [
  ['0d', 0],
  ['1d', DAY_MS],
  ['7d', 7 * DAY_MS],
  ['14d', 14 * DAY_MS],
  ['30d', 30 * DAY_MS],
] as const

/** What an operator watches of the control plane; read when somebody scrapes. */
export function observeLifecycle(options: LifecycleMetricsOptions): void {
  const { metrics, store, lifecycle, publisher, clock } = options
  metrics.gauge(
    { name: 'custos_lifecycle_running', help: 'Hostnames being worked on now' },
    (family) => {
      family.cell({}).value = lifecycle.running
    },
  )
  metrics.gauge(
    {
      name: 'custos_lifecycle_overdue_seconds',
      help: 'How long the longest waiting hostname has been due; grows when the loop is stuck',
    },
    async (family) => {
      const both = [false, true].map((again) => store.hostnames.nextDueAt(again))
      const nextDueAt = Math.min(...(await Promise.all(both)).map((at) => at ?? Infinity))
      const overdueMs = clock.now() - nextDueAt
      family.cell({}).value = Math.max(0, overdueMs) / 1000
    },
  )
  metrics.gauge(
    {
      name: 'custos_lifecycle_misdated',
      help: 'Hostnames that wait for an instant which only a clock that was ahead can have set; 0 but for a minute after it was set back',
    },
    async (family) => {
      family.cell({}).value = await store.hostnames.countMisdated(clock.now())
    },
  )
  metrics.gauge(
    {
      name: 'custos_hostnames_expiring',
      help: 'Hostnames a certificate of which ends within that time unless it is replaced',
      labelNames: ['within'],
    },
    async (family) => {
      for (const [within, ms] of HORIZONS) {
        family.cell({ within }).value = await store.hostnames.countExpiringBy(clock.now() + ms)
      }
    },
  )
  metrics.gauge(
    { name: 'custos_directory_connected', help: '1 while the directory takes what is published' },
    (family) => {
      family.cell({}).value = publisher.isConnected ? 1 : 0
    },
  )
}
