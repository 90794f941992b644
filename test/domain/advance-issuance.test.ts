import { describe, expect, it } from 'vitest'

import { advance } from '#domain/advance-issuance.ts'
import { newIssuance } from '#domain/issuance.ts'
import { NOON } from '#test/records.ts'

/** Every state and event, as one table, is in issuance.test.ts. */
describe('a deferral', () => {
  const busy = { type: 'deferred', problem: 'busy', retryAt: NOON + 1 } as const

  it.each(['afterSibling', 'awaitsProof'] as const)('says anew what is waited for: %s', (mark) => {
    const waiting = advance(newIssuance(NOON), { ...busy, [mark]: true }, NOON)
    expect(waiting).toHaveProperty(mark, true)
    const limited = { ...busy, problem: 'limit used up' }
    expect(advance(waiting, limited, NOON)).not.toHaveProperty(mark)
  })
})
