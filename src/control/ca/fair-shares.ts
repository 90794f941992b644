import type { BudgetRequest } from '#store/budget.ts'

import type { PlannedOrder, Priority } from './budget.ts'
import type { CaBuckets } from './ca-buckets.ts'

/**
 * Who gets the orders that a CA allows the account, of those that are not renewals. Renewals take what
 * they need; of the rest nobody can take so much that nothing is left for others:
 *
 * - A name that is not known to lead here gets an order while more than `PLENTY` is there: so its
 *   validation records are in the API at once, and no number of bogus names takes the rest.
 * - A name that leads here gets one down to the priority's own reserve as part of its zone's quarter,
 *   and beyond that down to `BEYOND_SHARE`: a zone that imports thousands leaves something, and gets all
 *   that comes back while nobody else wants it.
 * - Whatever the others do, each zone gets a hundredth for what is new, even out of what is reserved.
 *   With fewer than a hundred zones all of these together are less than what comes back. That is how
 *   names get on that need the token of an order before they can lead here.
 */
export interface Way {
  /** Of the account's orders, what must be left, as a share of a full bucket. */
  reserve: number
  /** Buckets of our own that are spent from too. */
  shares: readonly BudgetRequest[]
}

/** Of each bucket, what is left for those who are more urgent. */
export const RESERVED_SHARE = { expiring: 0, new: 0.2, retry: 0.5 } as const satisfies Record<
  Priority,
  number
>
const PLENTY = 0.6
const BEYOND_SHARE = 0.4
/** What a zone's hundredth leaves. */
const FIRST = 0.1

const ZONE_ORDERS = { limit: 'zone_orders', share: 1 / 4 } as const
const ZONE_FIRST_ORDERS = { limit: 'zone_first_orders', share: 1 / 100 } as const

/** The ways in which the order may be granted, the first that is open counts. */
export function waysOf(order: PlannedOrder, buckets: CaBuckets): [Way, ...Way[]] {
  const { priority, isReady } = order
  const own = RESERVED_SHARE[priority]
  if (priority === 'expiring') return [{ reserve: own, shares: [] }]
  const share = buckets.shareOfOrders(order, ZONE_ORDERS)
  const noted = share.map((bucket) => ({ ...bucket, refuses: false }))
  const first = buckets.shareOfOrders(order, ZONE_FIRST_ORDERS)
  const firstOfZone = { reserve: FIRST, shares: [...first, ...noted] }
  const last = priority === 'new' ? [firstOfZone] : []
  if (!isReady) return [{ reserve: PLENTY, shares: noted }, ...last]
  const beyondShare = { reserve: Math.max(own, BEYOND_SHARE), shares: noted }
  return [{ reserve: own, shares: share }, beyondShare, ...last]
}
