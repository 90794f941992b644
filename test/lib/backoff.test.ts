import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { backoffMs } from '#lib/backoff.ts'

const options = { firstMs: 100, maxMs: 1_000 }

describe('backoffMs', () => {
  it('doubles from failure to failure up to the longest delay', () => {
    const longest = [1, 2, 3, 4, 5, 6].map((failures) => backoffMs(failures, 1, options))
    expect(longest).toEqual([100, 200, 400, 800, 1_000, 1_000])
  })

  it('grows by the factor that is given', () => {
    expect(backoffMs(3, 1, { firstMs: 10, maxMs: 1_000, factor: 3 })).toBe(90)
  })

  it('draws from the upper half', () => {
    expect(backoffMs(1, 0, options)).toBe(50)
    expect(backoffMs(1, 0.5, options)).toBe(75)
  })

  it('stays within its bounds for any number of failures', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (failures, fraction) => {
        const delay = backoffMs(failures, fraction, options)
        expect(delay).toBeGreaterThanOrEqual(50)
        expect(delay).toBeLessThanOrEqual(1_000)
      }),
    )
  })
})
