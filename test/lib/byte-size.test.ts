import { expect, it } from 'vitest'

import { parseByteSize } from '#lib/byte-size.ts'
import { FormError } from '#lib/form-error.ts'

it.each([
  ['0', 0],
  ['1048576', 1_048_576],
  ['64KiB', 65_536],
  ['256MiB', 268_435_456],
  ['1 GiB', 2 ** 30],
  ['1gib', 2 ** 30],
  ['1TiB', 2 ** 40],
])('reads %s', (text, bytes) => {
  expect(parseByteSize(text)).toBe(bytes)
})

it.each(['', 'MiB', '1MB', '1.5GiB', '-1', '1e6', '9999999999999999TiB', '1  GiB'])(
  'refuses %j',
  (text) => {
    expect(() => parseByteSize(text)).toThrow(FormError)
  },
)

it('names the limit that is broken', () => {
  expect(() => parseByteSize('1KiB', { min: '1MiB', max: '1GiB' })).toThrow(
    'must be from 1MiB to 1GiB: received "1KiB"',
  )
})
