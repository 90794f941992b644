import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  advanceOwnership,
  newOwnership,
  type Ownership,
  type OwnershipEvent,
} from '#domain/ownership.ts'
import {
  MAX_OWNERSHIP_ATTEMPTS,
  MOVED_RETENTION_MS,
  validationDelayMs,
} from '#domain/validation.ts'

const BEFORE = Date.UTC(2026, 10, 23)
const NOW = BEFORE + 1000

type State = Ownership['state']
type EventType = OwnershipEvent['type']

const STATES: { [S in State]: Extract<Ownership, { state: S }> } = {
  pending: { state: 'pending', since: BEFORE, attempts: 3, nextAt: NOW, errors: ['no'] },
  verified: { state: 'verified', at: BEFORE, by: 'http', serial: 4 },
  moved: { state: 'moved', since: BEFORE, nextAt: NOW, errors: ['gone'] },
  deleted: { state: 'deleted', since: BEFORE, errors: ['gone'] },
  blocked: { state: 'blocked', since: BEFORE, reason: 'abuse' },
}

const EVENTS: { [T in EventType]: Extract<OwnershipEvent, { type: T }> } = {
  proved: { type: 'proved', by: 'cname', serial: 9 },
  'not-proved': { type: 'not-proved', errors: ['still no'] },
  looked: { type: 'looked', problems: ['gone'], nextAt: NOW + 1 },
  lapsed: { type: 'lapsed' },
  'moved-away': { type: 'moved-away', reason: 'points elsewhere' },
  blocked: { type: 'blocked', reason: 'held' },
  restart: { type: 'restart' },
}

const DAY = 86_400_000
const SAME = 'same'
const BLOCKED: Ownership = { state: 'blocked', since: NOW, reason: 'held' }
const ANEW: Ownership = newOwnership(NOW)
const AGAIN: Ownership = {
  state: 'pending',
  since: NOW,
  attempts: 0,
  nextAt: NOW,
  errors: [],
  wasUnready: true,
}

/** What becomes of each state by each event. */
const TABLE: Record<State, Record<EventType, Ownership | typeof SAME>> = {
  pending: {
    proved: { state: 'verified', at: NOW, by: 'cname', serial: 9 },
    'not-proved': {
      state: 'pending',
      since: BEFORE,
      attempts: 4,
      nextAt: NOW + validationDelayMs(3),
      errors: ['still no'],
    },
    looked: SAME,
    lapsed: SAME,
    'moved-away': SAME,
    blocked: BLOCKED,
    restart: AGAIN,
  },
  verified: {
    proved: SAME,
    'not-proved': SAME,
    looked: { ...STATES.verified, look: { problems: ['gone'], nextAt: NOW + 1 } },
    lapsed: SAME,
    'moved-away': {
      state: 'moved',
      since: NOW,
      nextAt: NOW + MOVED_RETENTION_MS,
      errors: ['points elsewhere'],
    },
    blocked: BLOCKED,
    restart: SAME,
  },
  moved: {
    proved: SAME,
    'not-proved': SAME,
    looked: SAME,
    lapsed: { state: 'deleted', since: NOW, errors: ['gone'] },
    'moved-away': SAME,
    blocked: BLOCKED,
    restart: AGAIN,
  },
  deleted: {
    proved: SAME,
    'not-proved': SAME,
    looked: SAME,
    lapsed: SAME,
    'moved-away': SAME,
    blocked: SAME,
    restart: AGAIN,
  },
  blocked: {
    proved: SAME,
    'not-proved': SAME,
    looked: SAME,
    lapsed: SAME,
    'moved-away': SAME,
    blocked: BLOCKED,
    restart: ANEW,
  },
}

const CASES = Object.values(STATES).flatMap((before) =>
  Object.values(EVENTS).map((event) => [before.state, event.type, before, event] as const),
)

describe('advanceOwnership', () => {
  it.each(CASES)('takes %s by %s where the table says', (state, type, before, event) => {
    const expected = TABLE[state][type]
    expect(advanceOwnership(before, event, NOW)).toEqual(expected === SAME ? before : expected)
  })

  it('begins pending and due at once', () => {
    expect(newOwnership(NOW)).toEqual({
      state: 'pending',
      since: NOW,
      attempts: 0,
      nextAt: NOW,
      errors: [],
    })
  })

  it('goes moved after the whole schedule, about seven days, and keeps the last errors', () => {
    let ownership = newOwnership(NOW)
    let looks = 0
    let now = NOW
    while (ownership.state === 'pending') {
      now = ownership.nextAt
      ownership = advanceOwnership(ownership, EVENTS['not-proved'], now)
      looks++
    }
    expect(looks).toBe(MAX_OWNERSHIP_ATTEMPTS + 1)
    expect((now - NOW) / 86_400_000).toBeCloseTo(7.06, 1)
    expect(ownership).toEqual({
      state: 'moved',
      since: now,
      nextAt: now + MOVED_RETENTION_MS,
      errors: ['still no'],
    })
  })

  it('is looked at again at once where somebody asked for it while we looked', () => {
    const asked = { ...STATES.pending, nextAt: NOW - 1 }
    const late = { ...EVENTS['not-proved'], begunAt: NOW - 2 }
    expect(advanceOwnership(asked, late, NOW)).toEqual({ ...asked, errors: ['still no'] })
  })

  it('changes nothing that it was given', () => {
    const frozen = Object.freeze({ ...STATES.pending })
    advanceOwnership(frozen, EVENTS['not-proved'], NOW)
    expect(frozen).toEqual(STATES.pending)
  })

  it('survives any events in any order, and never waits for what is past', () => {
    const steps = fc.array(
      fc.record({
        event: fc.constantFrom(...Object.values(EVENTS)),
        after: fc.integer({ min: 0, max: MOVED_RETENTION_MS * 2 }),
      }),
      { maxLength: 200 },
    )
    const property = fc.property(steps, (all) => {
      let now = BEFORE
      let ownership = newOwnership(now)
      return all.every(({ event, after }) => {
        now += after
        const next = advanceOwnership(ownership, event, now)
        const isNew = next !== ownership
        ownership = next
        return !isNew || !('nextAt' in next) || next.nextAt >= now
      })
    })
    expect(fc.check(property, { numRuns: 300 }).counterexample).toBeNull()
  })
})

describe('the time of a hostname that has moved', () => {
  it('is never jumped over by the clock, for its last day', () => {
    const late = advanceOwnership(STATES.moved, EVENTS.lapsed, NOW + 365 * DAY)
    expect(late).toEqual({ ...STATES.moved, nextAt: NOW + 366 * DAY })
    expect(advanceOwnership(late, EVENTS.lapsed, NOW + 366 * DAY)).toMatchObject({
      state: 'deleted',
    })
  })
})
