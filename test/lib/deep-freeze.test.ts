import { expect, it } from 'vitest'

import { deepFreeze } from '#lib/deep-freeze.ts'

it('freezes all that hangs on a value, apart from bytes', () => {
  const bytes = new Uint8Array(2)
  const value = deepFreeze({ list: [{ deep: { er: 1 } }], bytes, nothing: null })
  expect(Object.isFrozen(value.list)).toBe(true)
  expect(Object.isFrozen(value.list[0]?.deep)).toBe(true)
  expect(value.bytes).toBe(bytes)
  bytes[0] = 1
  expect(value.bytes[0]).toBe(1)
})

it('ends where a value hangs on itself', () => {
  const ring: { self?: object } = {}
  ring.self = ring
  expect(deepFreeze(ring)).toBe(ring)
})
