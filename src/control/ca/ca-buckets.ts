import { CA_LIMITS, rateLimitOf, type CaLimit, type CaLimits } from '#domain/ca-limits.ts'
import { normaliseServerName, registeredDomainOf, type Hostname } from '#domain/hostname.ts'
import type { Exemption } from '#domain/order.ts'
import type { RateLimit } from '#domain/rate-limit.ts'
import type { Bucket } from '#store/budget.ts'

import type { LimitName, PlannedOrder } from './budget.ts'

/** Open, or closed until the CA will hear from us again. */
const DOOR: RateLimit = { capacity: 1, refillMs: 0 }
/** A CA's door is closed for all, a name's for that name. */
const DOOR_LIMIT = 'retry_after'

const ORDER_LIMITS = [
  'orders_per_account',
  'certificates_per_domain',
  'duplicate_certificates',
] as const satisfies readonly CaLimit[]

const FAILURE_LIMITS = [
  'failed_validations',
  'consecutive_failures',
] as const satisfies readonly CaLimit[]

/** The buckets in which a CA's limits are kept: none where it has no such limit. */
export class CaBuckets {
  readonly #limitsOf: (ca: string) => CaLimits

  constructor(limitsOf: (ca: string) => CaLimits) {
    this.#limitsOf = limitsOf
  }

  door(ca: string): Bucket {
    return { ca, limit: DOOR_LIMIT, key: '', rate: DOOR }
  }

  doors(ca: string, hostname: Hostname): Bucket[] {
    return [this.door(ca), { ...this.door(ca), key: hostname }]
  }

  ordersOf(ca: string): Bucket | undefined {
    return this.find(ca, { limit: 'orders_per_account', keys: [''] })[0]
  }

  /** What an order spends from. */
  spendings({ ca, names, exemption }: Pick<PlannedOrder, 'ca' | 'names' | 'exemption'>): Bucket[] {
    return ORDER_LIMITS.filter((limit) => !this.#isExempt(ca, limit, exemption)).flatMap((limit) =>
      this.find(ca, { limit, keys: keysOf(limit, { names }) }),
    )
  }

  /** What stops an order, and a validation, of a name that failed too often. */
  failures(
    { ca, hostname }: Pick<PlannedOrder, 'ca' | 'hostname'>,
    exemption: Exemption = 'none',
  ): Bucket[] {
    return FAILURE_LIMITS.filter((limit) => !this.#isExempt(ca, limit, exemption)).flatMap(
      (limit) => this.find(ca, { limit, keys: [hostname] }),
    )
  }

  /** What the CA means that names a limit. */
  named(limit: CaLimit, order: Pick<PlannedOrder, 'ca' | 'hostname' | 'names'>): Bucket[] {
    return this.find(order.ca, { limit, keys: keysOf(limit, order) })
  }

  find(ca: string, { limit, keys }: { limit: CaLimit; keys: readonly string[] }): Bucket[] {
    const { published, metering } = this.#limitsOf(ca)
    const rule = published[limit]
    if (!rule) return []
    const rate = rateLimitOf(rule, metering)
    return keys.map((key) => ({ ca, limit, key, rate }))
  }

  /** A bucket of our own for this part of the orders, for one zone. */
  shareOfOrders(
    { ca, zoneId: key }: Pick<PlannedOrder, 'ca' | 'zoneId'>,
    { limit, share }: { limit: LimitName; share: number },
  ): Bucket[] {
    const { published, metering } = this.#limitsOf(ca)
    const rule = published.orders_per_account
    if (!rule) return []
    const { windowMs } = rule
    const count = Math.max(1, Math.ceil(rule.count * share))
    return [{ ca, limit, key, rate: rateLimitOf({ count, windowMs }, metering) }]
  }

  #isExempt(ca: string, limit: CaLimit, exemption: Exemption): boolean {
    return exemption !== 'none' && this.#limitsOf(ca).exempt[exemption].includes(limit)
  }
}

/** What a limit counts by. */
function keysOf(
  limit: CaLimit,
  { hostname, names }: { hostname?: Hostname; names: readonly string[] },
): string[] {
  switch (limit) {
    case 'orders_per_account':
      return ['']
    case 'certificates_per_domain':
      return [...new Set(names.map(domainOf))]
    case 'duplicate_certificates':
      return [[...new Set(names)].sort().join(' ')]
    case 'failed_validations':
    case 'consecutive_failures':
      return hostname === undefined ? [] : [hostname]
    default:
      return limit satisfies never
  }
}

/** @throws {TypeError} what is no name */
function domainOf(name: string): string {
  const hostname = normaliseServerName(name.replace(/^\*\./, ''))
  if (hostname === undefined) throw new TypeError(`Cannot order a certificate for ${name}`)
  return registeredDomainOf(hostname)
}

const LIMIT_NAMES = [
  ...CA_LIMITS,
  'zone_orders',
  'zone_first_orders',
] as const satisfies readonly LimitName[]

export function limitNameOf({ limit }: Bucket): LimitName {
  return LIMIT_NAMES.find((one) => one === limit) ?? DOOR_LIMIT
}
