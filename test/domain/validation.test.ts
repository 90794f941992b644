import { describe, expect, it } from 'vitest'

import {
  MAX_DCV_ATTEMPTS,
  MAX_OWNERSHIP_ATTEMPTS,
  SLOWEST_ATTEMPT,
  validationDelayMs,
} from '#domain/validation.ts'

const DAY_MS = 86_400_000
const sumMs = (attempts: number): number =>
  Array.from({ length: attempts }, (_, attempt) => validationDelayMs(attempt)).reduce(
    (sum, delay) => sum + delay,
    0,
  )

/** As the specification prints it (section 2.4), in seconds. */
const PRINTED = [
  60, 63, 66, 69, 72, 76, 80, 84, 88, 93, 242, 279, 321, 369, 424, 488, 561, 645, 742, 853, 981,
  1129, 1298, 1493, 1717, 1975, 2271, 2612, 3003, 3454, 3972, 4568, 5253, 6041, 6948, 7990, 9189,
  10_567, 12_152, 13_975, 14_400, 14_400,
]

describe('the validation schedule', () => {
  it('has the delays that the specification prints', () => {
    expect(PRINTED.map((_, attempt) => validationDelayMs(attempt) / 1000)).toEqual(PRINTED)
  })

  it('never waits longer than four hours, or shorter than a minute', () => {
    for (const attempt of [40, 119, 10_000, Number.MAX_SAFE_INTEGER]) {
      expect(validationDelayMs(attempt)).toBe(14_400_000)
    }
    expect(validationDelayMs(-5)).toBe(60_000)
  })

  it('is at its slowest from one attempt on', () => {
    expect(validationDelayMs(SLOWEST_ATTEMPT - 1)).toBeLessThan(14_400_000)
    expect(validationDelayMs(SLOWEST_ATTEMPT)).toBe(14_400_000)
  })

  it('gives a hostname about seven days and a certificate about fourteen and a half', () => {
    expect(sumMs(MAX_OWNERSHIP_ATTEMPTS) / DAY_MS).toBeCloseTo(7.06, 1)
    expect(sumMs(MAX_DCV_ATTEMPTS) / DAY_MS).toBeCloseTo(14.56, 1)
  })
})
