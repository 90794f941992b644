import { describe, expect, it } from 'vitest'

import { familiesOf, judgeFamilies, type FamilyLook } from '#control/validation/family-finding.ts'

const right = (family: 4 | 6): FamilyLook => ({ family, isReached: true, problem: undefined })
const wrong = (family: 4 | 6): FamilyLook => ({ family, isReached: true, problem: `${family}!` })
const deaf = (family: 4 | 6): FamilyLook => ({ family, isReached: false, problem: `${family}?` })

describe('what two families say together', () => {
  it.each([
    ['both right', [right(6), right(4)]],
    ['only one there, right', [right(4)]],
    ['nobody to connect to over IPv6', [deaf(6), right(4)]],
    ['nobody to connect to over IPv4', [right(6), deaf(4)]],
  ])('is well: %s', (_, looks) => {
    expect(judgeFamilies(looks)).toEqual({ isReady: true })
  })

  it.each([
    [
      'a stray AAAA record',
      [wrong(6), right(4)],
      '6! Its A record is right: remove or correct the AAAA record.',
    ],
    [
      'a stray A record',
      [right(6), wrong(4)],
      '4! Its AAAA record is right: remove or correct the A record.',
    ],
    ['both wrong', [wrong(6), wrong(4)], '6! 4!'],
    ['the one that answers is wrong', [deaf(6), wrong(4)], '4!'],
    ['nobody answers', [deaf(6), deaf(4)], '6? 4?'],
  ])('is not: %s', (_, looks, problem) => {
    expect(judgeFamilies(looks)).toEqual({ isReady: false, problem })
  })

  it('leaves out families whose addresses must not be asked', () => {
    const addresses = [
      { address: 'fe80::1', family: 6, flaw: 'link-local' },
      { address: '127.0.0.1', family: 4 },
    ] as const
    expect(familiesOf(addresses)).toEqual([4])
  })
})
