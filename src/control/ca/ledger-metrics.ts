import type { Clock } from '#lib/clock.ts'
import type { Metrics } from '#lib/metrics.ts'
import type { Bucket, BudgetRequest } from '#store/budget.ts'
import type { Store } from '#store/store.ts'

export interface LedgerMetricsOptions {
  metrics: Metrics
  store: Pick<Store, 'budget'>
  clock: Clock
  cas: readonly string[]
  /** Undefined where the CA does not limit orders. */
  ordersOf(ca: string): Bucket | undefined
  doorOf(ca: string): BudgetRequest
}

/**
 * What an operator watches of the CAs' limits; read when somebody scrapes. What counts by domain or
 * by name is not told one by one: there are as many as there are customers.
 *
 * @returns counts one that has to wait
 */
export function observeLedger(
  options: LedgerMetricsOptions,
): (wait: { ca: string; limit: string }) => void {
  const { metrics, store, clock, cas, ordersOf, doorOf } = options
  metrics.gauge(
    {
      name: 'custos_ca_budget_remaining',
      help: 'What is left now of a limit that the CA sets for the whole account',
      labelNames: ['ca', 'limit'],
    },
    async (family) => {
      family.clear()
      for (const ca of cas) {
        const orders = ordersOf(ca)
        if (!orders) continue
        const left = await store.budget.remaining(orders, clock.now())
        family.cell({ ca, limit: orders.limit }).value = Math.floor(left)
      }
    },
  )
  metrics.gauge(
    {
      name: 'custos_ca_paused_seconds',
      help: 'How long nothing is ordered from the CA any more, because it asked us to wait',
      labelNames: ['ca'],
    },
    async (family) => {
      for (const ca of cas) {
        const now = clock.now()
        const answer = await store.budget.look([doorOf(ca)], now)
        family.cell({ ca }).value = answer.granted ? 0 : (answer.until - now) / 1000
      }
    },
  )
  const waits = metrics.counter({
    name: 'custos_ca_budget_waits_total',
    help: 'Orders and validations that had to wait for a limit of the CA, each time they asked',
    labelNames: ['ca', 'limit'],
  })
  return ({ ca, limit }) => {
    waits.cell({ ca, limit }).value++
  }
}
