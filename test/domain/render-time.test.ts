import { expect, it } from 'vitest'

import { renderTime } from '#domain/render-time.ts'

it('writes instants in UTC, to the minute or to the second', () => {
  const at = Date.UTC(2026, 10, 23, 9, 0, 36, 999)
  expect(renderTime(at)).toBe('2026-11-23 09:00 UTC')
  expect(renderTime(at, { to: 'second' })).toBe('2026-11-23 09:00:36 UTC')
})
