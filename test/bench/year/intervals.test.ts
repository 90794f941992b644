import { expect, it } from 'vitest'

import { longestFree } from '../../../bench/year/intervals.ts'

const span = { start: 10, end: 30 }

it.each<[string, { start: number; end: number }[], number]>([
  ['nothing', [], 20],
  ['its middle', [{ start: 15, end: 18 }], 12],
  [
    'its ends, from without',
    [
      { start: 0, end: 14 },
      { start: 28, end: Infinity },
    ],
    14,
  ],
  [
    'stretches that overlap, in any order',
    [
      { start: 18, end: 25 },
      { start: 12, end: 20 },
    ],
    5,
  ],
  ['all of it', [{ start: 0, end: 40 }], 0],
  ['what lies after it', [{ start: 31, end: 40 }], 20],
])('finds the longest stretch that is free where %s is blocked', (_, blocked, longest) => {
  expect(longestFree(span, blocked)).toBe(longest)
})
