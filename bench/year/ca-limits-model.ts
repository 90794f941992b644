import { IssuerError } from '#control/ca/issuer.ts'

import { RateMeter, type MeteredLimit } from './rate-meter.ts'
import { DAY, HOUR } from './units.ts'

/** https://letsencrypt.org/docs/rate-limits/, but for the account's, which the scenario says. */
const PUBLISHED = {
  'new-certificates-per-registered-domain': { count: 50, windowMs: 7 * DAY },
  'new-certificates-per-exact-set-of-identifiers': { count: 5, windowMs: 7 * DAY },
  'authorization-failures-per-identifier-per-account': { count: 5, windowMs: HOUR },
} as const satisfies Record<string, MeteredLimit>

export type LimitAnchor = keyof typeof PUBLISHED | 'new-orders-per-account'

/** What an order counts for, as the CA sees it. */
export interface CountedOrder {
  hostname: string
  domain: string
  /** Replaces a certificate of ours that nothing has replaced, as RFC 9773 has it. */
  isAri: boolean
  /** The same names have a certificate already. */
  isRenewal: boolean
}

/** The CA's limits: refuses, and counts each time that it had to. */
export class CaLimitsModel {
  /** How often each was exceeded. */
  readonly violations = new Map<LimitAnchor, number>()
  readonly #meters: Record<LimitAnchor, RateMeter>

  constructor({ ordersPerThreeHours }: { ordersPerThreeHours: number }) {
    const orders = { count: ordersPerThreeHours, windowMs: 3 * HOUR }
    this.#meters = {
      'new-orders-per-account': new RateMeter(orders),
      'new-certificates-per-registered-domain': meterOf('new-certificates-per-registered-domain'),
      'new-certificates-per-exact-set-of-identifiers': meterOf(
        'new-certificates-per-exact-set-of-identifiers',
      ),
      'authorization-failures-per-identifier-per-account': meterOf(
        'authorization-failures-per-identifier-per-account',
      ),
    }
  }

  /** @throws {IssuerError} `rate-limited` */
  admit(order: CountedOrder, now: number): void {
    if (order.isAri) return
    const counted = countedFor(order)
    for (const [anchor, key] of counted) this.#check(anchor, key, now)
    this.#check('authorization-failures-per-identifier-per-account', order.hostname, now)
    for (const [anchor, key] of counted) this.#meters[anchor].count(key, now)
  }

  noteFailedValidation(hostname: string, now: number): void {
    this.#meters['authorization-failures-per-identifier-per-account'].count(hostname, now)
  }

  #check(anchor: LimitAnchor, key: string, now: number): void {
    const retryAfterMs = this.#meters[anchor].waitMs(key, now)
    if (retryAfterMs === 0) return
    this.violations.set(anchor, (this.violations.get(anchor) ?? 0) + 1)
    const page = `https://letsencrypt.org/docs/rate-limits/#${anchor}`
    throw new IssuerError('rate-limited', `too many requests: see ${page}`, { retryAfterMs })
  }
}

function meterOf(anchor: keyof typeof PUBLISHED): RateMeter {
  return new RateMeter(PUBLISHED[anchor])
}

function countedFor({ hostname, domain, isRenewal }: CountedOrder): [LimitAnchor, string][] {
  const set: [LimitAnchor, string] = ['new-certificates-per-exact-set-of-identifiers', hostname]
  if (isRenewal) return [set]
  return [['new-orders-per-account', ''], ['new-certificates-per-registered-domain', domain], set]
}
