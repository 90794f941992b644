import { describe, expect, it } from 'vitest'

import { CaLimitsModel, type CountedOrder } from '../../../bench/year/ca-limits-model.ts'
import { NOON } from '#test/records.ts'

const HOUR = 3_600_000
const order = (n: number, change: Partial<CountedOrder> = {}): CountedOrder => ({
  hostname: `app.customer${n}.com`,
  domain: `customer${n}.com`,
  isAri: false,
  isRenewal: false,
  ...change,
})

describe('the model of the CA’s limits', () => {
  it('refuses an order too many, says when there is room, and counts it', () => {
    const limits = new CaLimitsModel({ ordersPerThreeHours: 3 })
    for (let n = 0; n < 3; n++) limits.admit(order(n), NOON)
    expect(() => limits.admit(order(3), NOON)).toThrow(
      expect.objectContaining({ kind: 'rate-limited', retryAfterMs: HOUR }),
    )
    expect(limits.violations).toEqual(new Map([['new-orders-per-account', 1]]))
    limits.admit(order(3), NOON + HOUR)
    expect(() => limits.admit(order(4), NOON + HOUR)).toThrow('new-orders-per-account')
  })

  it('counts by domain, and by exact set for renewals too, but nothing for ARI', () => {
    const limits = new CaLimitsModel({ ordersPerThreeHours: 1_000 })
    for (let n = 0; n < 50; n++) limits.admit(order(n, { domain: 'one.com' }), NOON)
    expect(() => limits.admit(order(50, { domain: 'one.com' }), NOON)).toThrow('registered-domain')
    for (let n = 0; n < 4; n++) limits.admit(order(0, { isRenewal: true }), NOON)
    expect(() => limits.admit(order(0, { isRenewal: true }), NOON)).toThrow('exact-set')
    for (let n = 0; n < 10; n++) limits.admit(order(0, { isAri: true }), NOON)
  })

  it('pauses a name whose validations failed', () => {
    const limits = new CaLimitsModel({ ordersPerThreeHours: 1_000 })
    for (let n = 0; n < 5; n++) limits.noteFailedValidation('app.customer1.com', NOON)
    expect(() => limits.admit(order(1), NOON)).toThrow('authorization-failures')
    limits.admit(order(1), NOON + 12 * 60_000)
  })
})
