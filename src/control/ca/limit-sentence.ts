import type { CaLimit, CaLimits } from '#domain/ca-limits.ts'
import { renderTime } from '#domain/render-time.ts'

import type { LimitName } from './budget.ts'

export interface Wait {
  limit: LimitName
  /** What the limit counts by, as `Bucket.key`. */
  key: string
  until: number
  /** The name is not known to lead here: what is left of the orders is kept for those that are. */
  isUnready?: boolean
}

/** Why an order or a validation waits, for the API: "Let's Encrypt's limit of 300 new orders …". */
export function limitSentence(limits: CaLimits, { limit, key, until, isUnready }: Wait): string {
  const at = `${renderTime(until, { to: 'second' })}.`
  const rule = limit === 'retry_after' ? undefined : ruleOf(limits, { limit, key })
  if (!rule) return `${limits.title} asks us to wait; the next order is possible at ${at}`
  const { sentence, isOfOrders } = rule
  const ours = `${possessive(limits.title)} limit of ${sentence}`
  if (isUnready && isOfOrders) {
    return `${ours} is nearly used up, and what is left goes to names that lead here first; this one gets its order once it does or its ownership is proved, else at ${at}`
  }
  if (isShare(limit)) {
    return `${ours} is nearly used up, and this zone has had its share of it; the next order is possible at ${at}`
  }
  const next = isFailure(limit) ? 'validation' : 'order'
  return `${ours} is used up; the next ${next} is possible at ${at}`
}

function ruleOf(
  { published }: CaLimits,
  { limit, key }: { limit: Exclude<LimitName, 'retry_after'>; key: string },
): { sentence: string; isOfOrders: boolean } | undefined {
  const counted = isShare(limit) ? 'orders_per_account' : limit
  const rule = published[counted]
  if (!rule) return undefined
  const what = `${rule.count} ${NOUNS[counted](key)}`
  // Its window says no more than how slowly failures are forgiven.
  const sentence = counted === 'consecutive_failures' ? what : `${what} in ${span(rule.windowMs)}`
  return { sentence, isOfOrders: counted === 'orders_per_account' }
}

function isShare(limit: LimitName): limit is 'zone_orders' | 'zone_first_orders' {
  return limit === 'zone_orders' || limit === 'zone_first_orders'
}

function isFailure(limit: LimitName): boolean {
  return limit === 'failed_validations' || limit === 'consecutive_failures'
}

const NOUNS = {
  orders_per_account: () => 'new orders',
  certificates_per_domain: (domain) => `certificates under ${domain}`,
  duplicate_certificates: () => 'certificates for the same names',
  failed_validations: (name) => `failed validations of ${name}`,
  consecutive_failures: (name) => `failed validations of ${name} one after the other`,
} as const satisfies Record<CaLimit, (key: string) => string>

function possessive(title: string): string {
  return title.endsWith('s') ? `${title}'` : `${title}'s`
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const

/** In the largest unit that divides it: `3 hours`. */
function span(ms: number): string {
  const [name, size] = UNITS.find(([, size]) => ms % size === 0) ?? ['ms', 1]
  const count = ms / size
  return `${count} ${name}${count === 1 ? '' : 's'}`
}
