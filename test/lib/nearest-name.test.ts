import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { editDistance, nearestName } from '#lib/nearest-name.ts'

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['', 'abc', 3],
    ['abc', 'abd', 1],
    ['abc', 'ab', 1],
    ['abc', 'abcd', 1],
    ['abcd', 'acbd', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ])('between %j and %j is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
    expect(editDistance(b, a)).toBe(distance)
  })

  it('is zero for the same word only, and never more than the longer word', () => {
    const word = fc.string({ maxLength: 12 })
    const property = fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b)
      return (distance === 0) === (a === b) && distance <= Math.max(a.length, b.length)
    })
    expect(fc.check(property).counterexample).toBeNull()
  })

  it('does not compare long words', () => {
    expect(editDistance('a'.repeat(101), 'a'.repeat(100))).toBe(101)
    expect(editDistance('a'.repeat(1e6), 'a'.repeat(1e6))).toBe(0)
  })
})

describe('nearestName', () => {
  const names = ['edge.https', 'edge.http', 'workers', 'control']

  it.each([
    ['edge.htps', 'edge.https'],
    ['Egde.HTTPS', 'edge.https'],
    ['worker', 'workers'],
    ['kontroll', 'control'],
  ])('takes %s for %s', (name, nearest) => {
    expect(nearestName(name, names)).toBe(nearest)
  })

  it.each(['colour', 'x', '', 'redis', 'edge.colour-of-the-bike-shed'])(
    'takes %j for none',
    (name) => {
      expect(nearestName(name, names)).toBeUndefined()
    },
  )
})
