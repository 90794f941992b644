import { expect, it } from 'vitest'

import { TokenBucket } from '#lib/token-bucket.ts'

function takeAll(bucket: TokenBucket, now: number): number {
  let taken = 0
  while (bucket.take(now)) taken += 1
  return taken
}

it('lets a burst through, then the rate, and never saves up more than a burst', () => {
  const bucket = new TokenBucket({ perSecond: 2, burst: 5 }, 0)
  expect(takeAll(bucket, 0)).toBe(5)
  expect(takeAll(bucket, 499)).toBe(0)
  expect(takeAll(bucket, 500)).toBe(1)
  expect(takeAll(bucket, 1_500)).toBe(2)
  expect(takeAll(bucket, 3_600_000)).toBe(5)
})

it('neither fills nor stays shut when the clock is set back', () => {
  const bucket = new TokenBucket({ perSecond: 2, burst: 2 }, 60_000)
  expect(takeAll(bucket, 60_000)).toBe(2)
  expect(takeAll(bucket, 0)).toBe(0)
  expect(takeAll(bucket, 1_000)).toBe(2)
})
