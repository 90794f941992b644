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
      const nextDueAt = await store.hostnames.nextDueAt()
      const overdueMs = nextDueAt === undefined ? 0 : clock.now() - nextDueAt
      family.cell({}).value = Math.max(0, overdueMs) / 1000
    },
  )
  metrics.gauge(
    { name: 'custos_directory_connected', help: '1 while the directory takes what is published' },
    (family) => {
      family.cell({}).value = publisher.isConnected ? 1 : 0
    },
  )
}
