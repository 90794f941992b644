import { describe, expect, it } from 'vitest'

import { listHoldableDomains } from '#domain/hold.ts'
import { parseHostname } from '#domain/hostname.ts'

describe('listHoldableDomains', () => {
  it('has the name itself, then its parents, the nearest first', () => {
    expect(listHoldableDomains(parseHostname('a.b.customer.co.uk'))).toEqual([
      'a.b.customer.co.uk',
      'b.customer.co.uk',
      'customer.co.uk',
      'co.uk',
      'uk',
    ])
  })

  it('has no more than a name has labels', () => {
    const name = parseHostname(`${'a.'.repeat(125)}co`, { allowReservedTlds: true })
    expect(listHoldableDomains(name)).toHaveLength(126)
  })
})
