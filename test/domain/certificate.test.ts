import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { renewalDueAt } from '#domain/certificate.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const NOW = Date.UTC(2026, 10, 23)

const lasting = (lifetime: number): { notBefore: number; notAfter: number } => ({
  notBefore: NOW,
  notAfter: NOW + lifetime,
})

describe('renewalDueAt', () => {
  it.each([
    [365, 335],
    [200, 170],
    [90, 60],
  ])('is 30 days before the end of a lifetime of %d days', (days, due) => {
    expect(renewalDueAt(lasting(days * DAY_MS), 0)).toBe(NOW + due * DAY_MS)
  })

  it.each([
    [64 * DAY_MS, (128 / 3) * DAY_MS],
    [45 * DAY_MS, 30 * DAY_MS],
    [6 * DAY_MS, 4 * DAY_MS],
    [90 * DAY_MS - 3, 60 * DAY_MS - 2],
    [3 * MINUTE_MS, 2 * MINUTE_MS],
  ])('is at the last third of a shorter lifetime (%d ms)', (lifetime, due) => {
    expect(renewalDueAt(lasting(lifetime), 0)).toBe(NOW + Math.round(due))
  })

  it('comes earlier by up to a twentieth of the lifetime, by the spread', () => {
    expect(renewalDueAt(lasting(100 * DAY_MS), 0.5)).toBe(NOW + 67.5 * DAY_MS)
    expect(renewalDueAt(lasting(100 * DAY_MS), 1)).toBe(NOW + 65 * DAY_MS)
  })

  it('always lies within the lifetime, with a fifth of it or 30 days to spare', () => {
    const property = fc.property(
      fc.integer({ min: MINUTE_MS, max: 825 * DAY_MS }),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (lifetime, spread) => {
        const { notBefore, notAfter } = lasting(lifetime)
        const due = renewalDueAt({ notBefore, notAfter }, spread)
        const left = notAfter - due
        return (
          Number.isInteger(due) && due > notBefore && left >= Math.min(lifetime / 5, 30 * DAY_MS)
        )
      },
    )
    expect(fc.check(property).counterexample).toBeNull()
  })
})
