import { describe, expect, it } from 'vitest'

import { advance } from '#domain/advance-issuance.ts'
import { newIssuance, type Issuance, type IssuanceEvent } from '#domain/issuance.ts'
import { anOrder, NOON } from '#test/records.ts'

const OPENED: IssuanceEvent = { type: 'order-opened', order: anOrder() }
const NOT_READY: IssuanceEvent = { type: 'not-ready', problem: 'not visible' }
const EXPIRED: IssuanceEvent = { type: 'order-expired' }
const AWAY: IssuanceEvent = { type: 'failed', problem: 'The CA is away.', retryAt: NOON }

function having(events: readonly IssuanceEvent[]): Issuance {
  return events.reduce((issuance, event) => advance(issuance, event, NOON), newIssuance(NOON))
}

/** Every state and event, as one table, is in issuance.test.ts. */
describe('looks in vain', () => {
  it('are counted on where the next order cannot be opened at once', () => {
    const events = [OPENED, NOT_READY, { type: 'restart' } as const, NOT_READY, EXPIRED]
    const waiting = having([...events, AWAY, AWAY])
    expect(waiting).toMatchObject({ state: 'scheduled', attempts: 1, wasUnready: true })
    expect(advance(waiting, OPENED, NOON)).toMatchObject({ attempts: 1, wasUnready: true })
  })
})

describe('a deferral', () => {
  const busy = { type: 'deferred', problem: 'busy', retryAt: NOON + 1 } as const

  it.each(['afterSibling', 'awaitsProof'] as const)('says anew what is waited for: %s', (mark) => {
    const waiting = advance(newIssuance(NOON), { ...busy, [mark]: true }, NOON)
    expect(waiting).toHaveProperty(mark, true)
    const limited = { ...busy, problem: 'limit used up' }
    expect(advance(waiting, limited, NOON)).not.toHaveProperty(mark)
  })
})
