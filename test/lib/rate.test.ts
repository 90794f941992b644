import { describe, expect, it } from 'vitest'

import { FormError } from '#lib/form-error.ts'
import { parseRate } from '#lib/rate.ts'

describe('a rate', () => {
  it.each([
    ['300/3h', { count: 300, windowMs: 10_800_000 }],
    ['1/1s', { count: 1, windowMs: 1_000 }],
    ['1000000000/3660d', { count: 1_000_000_000, windowMs: 3_660 * 86_400_000 }],
    // As Let's Encrypt counts failures one after the other.
    ['1152/1152d', { count: 1_152, windowMs: 1_152 * 86_400_000 }],
    ['unlimited', 'unlimited'],
  ])('is read from %s', (text, rate) => {
    expect(parseRate(text)).toEqual(rate)
  })

  it.each(['', '300', '300/', '/3h', '0/3h', '-1/3h', '1.5/3h', '3e2/3h', '300 / 3h', '300/3h/2'])(
    'is not read from "%s"',
    (text) => {
      expect(() => parseRate(text)).toThrow(FormError)
    },
  )

  it.each(['1000000001/3h', '300/999ms', '300/3661d', '300/3'])('has bounds: %s', (text) => {
    expect(() => parseRate(text)).toThrow(FormError)
  })
})
