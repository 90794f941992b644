import type { CustomHostname } from '#domain/custom-hostname.ts'
import { orderOf, type Issuance } from '#domain/issuance.ts'
import type { Order } from '#domain/order.ts'

import type { Budget } from '../ca/budget.ts'
import { namesOf } from './step.ts'

/**
 * Gives back what the orders took that a record had and has no more: because they came to nothing, or
 * because it was edited or removed. CAs count the certificates that they issue, and whoever deletes and
 * creates a name again, as people do while its DNS is not right, must not use up a week's.
 *
 * To be called with what one transaction of the store read and wrote, after it, by whoever made it. So
 * the decision is that transaction's, and is made once: whatever else happens at the same time, an order
 * leaves its record in one of them. A CSR is sent only for a record that says so (`finalizing`): what is
 * given back was never signed, and what may have been is never given back.
 *
 * @param after undefined: the record was removed
 */
export async function giveBackDropped(
  before: CustomHostname,
  after: CustomHostname | undefined,
  budget: Pick<Budget, 'giveBack'>,
): Promise<void> {
  const kept = (after?.chains ?? []).map(({ issuance }) => orderOf(issuance)?.url)
  for (const { issuance } of before.chains) {
    const order = isUnsigned(issuance) ? orderOf(issuance) : undefined
    if (order && !kept.includes(order.url)) await giveBackOrder(order, before, budget)
  }
}

/** What the order took, and no more: not what it would take now. */
export async function giveBackOrder(
  { ca, taken }: Order,
  record: CustomHostname,
  budget: Pick<Budget, 'giveBack'>,
): Promise<void> {
  if (!taken) return
  const { exemption, at: takenAt } = taken
  await budget.giveBack({ ca, names: namesOf(record), exemption, takenAt })
}

function isUnsigned({ state }: Issuance): boolean {
  return state === 'ordered' || state === 'validating'
}
