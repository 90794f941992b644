import { describe, expect, it } from 'vitest'

import { parseDuration, renderDuration } from '#lib/duration.ts'
import { FormError } from '#lib/form-error.ts'

describe('parseDuration', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['10m', 600_000],
    ['12h', 43_200_000],
    ['365d', 31_536_000_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each(['', '30', 's', '-1s', '1.5h', '1 s', '1w', '1S', '1s\n', '9999999999999s', '１s'])(
    'refuses %j',
    (text) => {
      expect(() => parseDuration(text)).toThrow(FormError)
    },
  )

  it('names the limit that is broken', () => {
    expect(() => parseDuration('59s', { min: '1m', max: '2m' })).toThrow(
      'must be from 1m to 2m: received "59s"',
    )
    expect(parseDuration('60s', { min: '1m', max: '2m' })).toBe(60_000)
    expect(() => parseDuration('121s', { min: '1m', max: '2m' })).toThrow(FormError)
  })
})

describe('renderDuration', () => {
  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1500, '1500ms'],
    [90_000, '90s'],
    [3_600_000, '1h'],
    [86_400_000 * 365, '365d'],
  ])('writes %d as %s', (ms, text) => {
    expect(renderDuration(ms)).toBe(text)
    expect(parseDuration(text)).toBe(ms)
  })
})
