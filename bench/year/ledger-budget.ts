import { createLedger } from '#control/ca/ledger.ts'
import type { Budget } from '#control/ca/budget.ts'
import { caLimitsOf, withOverrides } from '#domain/ca-limits.ts'
import type { Clock } from '#lib/clock.ts'
import { Metrics } from '#lib/metrics.ts'
import type { BudgetStore } from '#store/budget.ts'

import { CA_NAME } from './ca-model.ts'
import type { Scenario } from './scenario.ts'
import { HOUR } from './units.ts'

const DIRECTORY = 'https://acme-v02.api.letsencrypt.org/directory'

/** The product's ledger with its own numbers of Let's Encrypt, told of what the account was granted. */
export function createLedgerBudget({
  scenario,
  store,
  clock,
}: {
  scenario: Scenario
  store: { budget: BudgetStore }
  clock: Clock
}): Budget {
  const orders = { count: scenario.ordersPerThreeHours, windowMs: 3 * HOUR }
  const limits = withOverrides(caLimitsOf(DIRECTORY), { orders_per_account: orders })
  return createLedger({
    store,
    clock,
    metrics: new Metrics(),
    cas: [CA_NAME],
    limitsOf: () => limits,
  })
}
