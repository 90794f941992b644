import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  hasOpenOrder,
  issuanceDueAt,
  newIssuance,
  type Issuance,
  type IssuanceEvent,
} from '#domain/issuance.ts'
import { advance, DEPLOYMENT_DEADLINE_MS, FAILING_LIMIT_MS } from '#domain/advance-issuance.ts'
import { MAX_DCV_ATTEMPTS, validationDelayMs } from '#domain/validation.ts'
import { anOrder } from '#test/records.ts'

const BEFORE = Date.UTC(2026, 10, 23)
const NOW = BEFORE + 1000
const LATER = NOW + 60_000

type State = Issuance['state']
type EventType = IssuanceEvent['type']

const order = anOrder()
const newer = anOrder({ url: 'order/2' })
const unready = (nextAt: number): Issuance => ({
  state: 'scheduled',
  nextAt,
  failures: 0,
  wasUnready: true,
})
const open = { order, since: BEFORE, nextAt: BEFORE, failures: 2 }
const renewalInfo = { window: { start: NOW, end: LATER + 1 } }
const key = { certificateId: 'old', sealedKey: 'b2xk' }

const STATES: { [S in State]: Extract<Issuance, { state: S }> } = {
  scheduled: { state: 'scheduled', nextAt: BEFORE, failures: 2, problem: 'was refused' },
  ordered: { state: 'ordered', ...open, attempts: 5, problem: 'not visible' },
  validating: { state: 'validating', ...open },
  finalizing: { state: 'finalizing', ...open, ...key },
  deploying: {
    state: 'deploying',
    certificateId: 'old',
    serial: 4,
    renewAt: LATER,
    nextAt: NOW,
    failures: 0,
  },
  issued: {
    state: 'issued',
    certificateId: 'old',
    renewAt: BEFORE,
    nextAt: BEFORE,
    failures: 0,
  },
  uploaded: { state: 'uploaded', certificateId: 'old' },
  timed_out: { state: 'timed_out', phase: 'validation', since: BEFORE, problem: 'never seen' },
}

const EVENTS: { [T in EventType]: Extract<IssuanceEvent, { type: T }> } = {
  'order-opened': { type: 'order-opened', order: newer },
  'not-ready': { type: 'not-ready', problem: 'still not visible' },
  'validation-begun': { type: 'validation-begun' },
  'still-waiting': { type: 'still-waiting', retryAt: LATER },
  authorized: { type: 'authorized', certificateId: 'new', sealedKey: 'bmV3' },
  signed: { type: 'signed', certificateId: 'new', serial: 9, renewAt: LATER },
  deferred: { type: 'deferred', problem: 'limit used up', retryAt: LATER },
  deployed: { type: 'deployed' },
  'renewal-info': { type: 'renewal-info', renewAt: LATER, checkAt: LATER - 1, renewalInfo },
  'order-expired': { type: 'order-expired' },
  failed: { type: 'failed', problem: 'refused', retryAt: LATER },
  hastened: { type: 'hastened' },
  restart: { type: 'restart' },
}

const SAME = 'same'
type Row = Record<EventType, Issuance | typeof SAME>

const NOTHING: Row = {
  'order-opened': SAME,
  'not-ready': SAME,
  'validation-begun': SAME,
  'still-waiting': SAME,
  deferred: SAME,
  authorized: SAME,
  signed: SAME,
  deployed: SAME,
  'renewal-info': SAME,
  'order-expired': SAME,
  failed: SAME,
  hastened: SAME,
  restart: SAME,
}
const opened = (failures: number): Issuance => ({
  state: 'ordered',
  order: newer,
  since: NOW,
  attempts: 0,
  nextAt: NOW,
  failures,
})
const failed = (failures: number): Issuance => ({
  state: 'scheduled',
  nextAt: LATER,
  failures,
  failingSince: NOW,
  problem: 'refused',
})
const authorized: Issuance = {
  state: 'finalizing',
  order,
  since: BEFORE,
  nextAt: NOW,
  failures: 2,
  certificateId: 'new',
  sealedKey: 'bmV3',
}

/** What becomes of each state by each event; where a row is silent, nothing. */
const TABLE: Record<State, Row> = {
  scheduled: {
    ...NOTHING,
    'order-opened': opened(2),
    deferred: { ...STATES.scheduled, problem: 'limit used up', nextAt: LATER },
    failed: failed(3),
    restart: { ...STATES.scheduled, nextAt: NOW },
  },
  ordered: {
    ...NOTHING,
    'not-ready': {
      ...STATES.ordered,
      attempts: 6,
      problem: 'still not visible',
      nextAt: NOW + validationDelayMs(5),
    },
    'validation-begun': { state: 'validating', order, since: BEFORE, nextAt: NOW, failures: 2 },
    'still-waiting': { ...STATES.ordered, nextAt: LATER },
    deferred: { ...STATES.ordered, problem: 'limit used up', nextAt: LATER },
    authorized,
    'order-expired': {
      state: 'scheduled',
      nextAt: NOW,
      failures: 2,
      attempts: 5,
      problem: 'not visible',
    },
    failed: failed(3),
    restart: { ...STATES.ordered, attempts: 0, nextAt: NOW, wasUnready: true },
  },
  validating: {
    ...NOTHING,
    'still-waiting': { ...STATES.validating, nextAt: LATER },
    authorized,
    failed: failed(3),
  },
  finalizing: {
    ...NOTHING,
    'still-waiting': { ...STATES.finalizing, nextAt: LATER },
    signed: {
      state: 'deploying',
      certificateId: 'new',
      serial: 9,
      renewAt: LATER,
      nextAt: NOW + DEPLOYMENT_DEADLINE_MS,
      failures: 0,
    },
    failed: failed(3),
  },
  deploying: {
    ...NOTHING,
    deployed: {
      state: 'issued',
      certificateId: 'old',
      renewAt: LATER,
      nextAt: LATER,
      failures: 0,
    },
  },
  issued: {
    ...NOTHING,
    'order-opened': opened(0),
    deferred: { state: 'scheduled', nextAt: LATER, failures: 0, problem: 'limit used up' },
    'renewal-info': { ...STATES.issued, renewAt: LATER, renewalInfo, nextAt: LATER - 1 },
    failed: failed(1),
  },
  uploaded: NOTHING,
  timed_out: { ...NOTHING, restart: unready(NOW) },
}

const CASES = Object.values(STATES).flatMap((before) =>
  Object.values(EVENTS).map((event) => [before.state, event.type, before, event] as const),
)

describe('advance', () => {
  it.each(CASES)('takes %s by %s where the table says', (state, type, before, event) => {
    const expected = TABLE[state][type]
    expect(advance(before, event, NOW)).toEqual(expected === SAME ? before : expected)
  })

  it('takes a new hostname and a due renewal through the same door, to the same end', () => {
    const way = (from: Issuance): Issuance =>
      [
        EVENTS['order-opened'],
        EVENTS['validation-begun'],
        EVENTS.authorized,
        EVENTS.signed,
        EVENTS.deployed,
      ].reduce((state, event) => advance(state, event, NOW), from)
    const renewal = { renewAt: LATER, nextAt: LATER, failures: 0 }
    const issued = { state: 'issued', certificateId: 'new', ...renewal }
    expect(way(newIssuance(BEFORE))).toEqual(issued)
    expect(way(STATES.issued)).toEqual(issued)
  })

  it('hastens what waits for a proof, and nothing else', () => {
    const defer = { type: 'deferred', problem: 'not proved', retryAt: LATER } as const
    for (const before of [newIssuance(BEFORE), STATES.ordered]) {
      const waiting = advance(before, { ...defer, awaitsProof: true }, NOW)
      expect(advance(waiting, EVENTS.hastened, NOW)).toEqual({ ...waiting, nextAt: NOW })
      const limited = advance(waiting, defer, NOW)
      expect(advance(limited, EVENTS.hastened, NOW)).toBe(limited)
    }
  })

  it('skips validation where the CA reuses an authorization', () => {
    expect(advance(STATES.ordered, EVENTS.authorized, NOW).state).toBe('finalizing')
  })

  it.each([365, 7])('gives up after fourteen and a half days with orders of %d days', (days) => {
    const lifetime = days * 86_400_000
    const open = (at: number): IssuanceEvent => ({
      type: 'order-opened',
      order: anOrder({ expiresAt: at + lifetime }),
    })
    let issuance = advance(newIssuance(NOW), open(NOW), NOW)
    let now = NOW
    let looks = 0
    while (issuance.state === 'ordered') {
      now = issuance.nextAt
      if (issuance.order.expiresAt <= now) {
        issuance = advance(advance(issuance, EVENTS['order-expired'], now), open(now), now)
      }
      issuance = advance(issuance, EVENTS['not-ready'], now)
      looks++
    }
    expect(looks).toBe(1 + MAX_DCV_ATTEMPTS)
    expect((now - NOW) / 86_400_000).toBeCloseTo(14.56, 2)
    expect(issuance).toEqual({
      state: 'timed_out',
      phase: 'validation',
      since: now,
      problem: 'still not visible',
    })
  })

  it('counts looks anew when somebody asks to try again', () => {
    const expired = advance(STATES.ordered, EVENTS['order-expired'], NOW)
    const again = advance(advance(expired, EVENTS.restart, NOW), EVENTS['order-opened'], NOW)
    expect(again).toMatchObject({ state: 'ordered', attempts: 0 })
  })

  it('forgets failures once a certificate is signed', () => {
    const signed = advance(STATES.finalizing, EVENTS.signed, NOW)
    expect(signed).toMatchObject({ state: 'deploying', failures: 0 })
  })

  it('survives any events in any order, and never waits for what was past when it was set', () => {
    const event = fc.constantFrom(...Object.values(EVENTS))
    const steps = fc.array(
      fc.record({ event, after: fc.integer({ min: 0, max: 1e9 }), ahead: fc.nat({ max: 1e9 }) }),
      { maxLength: 200 },
    )
    const property = fc.property(steps, (all) => {
      let now = BEFORE
      let signedAt = now
      let issuance: Issuance = newIssuance(now)
      return all.every(({ event: plain, after, ahead }) => {
        now += after
        const next = advance(issuance, at(plain, now + ahead), now)
        const isNew = next !== issuance
        issuance = next
        if (isNew && next.state === 'deploying') signedAt = now
        // A renewal may have become due while the edges took their time.
        const earliest = next.state === 'issued' ? signedAt : now
        return !isNew || !('nextAt' in next) || next.nextAt >= earliest
      })
    })
    expect(fc.check(property, { numRuns: 300 }).counterexample).toBeNull()
  })
})

/** The event with the instants that its sender chose. */
function at(event: IssuanceEvent, instant: number): IssuanceEvent {
  switch (event.type) {
    case 'still-waiting':
    case 'failed':
    case 'deferred':
      return { ...event, retryAt: instant }
    case 'signed':
      return { ...event, renewAt: instant }
    case 'renewal-info':
      return { ...event, renewAt: instant, checkAt: instant }
    default:
      return event
  }
}

describe('failing orders', () => {
  const at = (since: number, avoid: readonly string[] = []): Issuance => ({
    state: 'scheduled',
    nextAt: NOW,
    failures: 7,
    failingSince: since,
    problem: 'refused',
    avoid,
  })
  const failure: IssuanceEvent = { type: 'failed', problem: 'no', retryAt: LATER, avoid: 'one' }

  it('remember which CAs failed, each once, from order to order', () => {
    const first = advance(STATES.ordered, failure, NOW)
    expect(first).toMatchObject({ avoid: ['one'] })
    const again = advance(advance(first, EVENTS['order-opened'], NOW), failure, NOW)
    expect(again).toMatchObject({ avoid: ['one'], failures: 4 })
    expect(advance(again, { ...failure, avoid: 'two' }, NOW)).toMatchObject({
      avoid: ['one', 'two'],
    })
    expect(advance(again, EVENTS.restart, NOW)).not.toHaveProperty('avoid')
  })

  it('forget all that once one succeeds', () => {
    const way: IssuanceEvent[] = [
      EVENTS['order-opened'],
      EVENTS['validation-begun'],
      EVENTS.authorized,
      EVENTS.signed,
      EVENTS.deployed,
    ]
    const issued = way.reduce((state, event) => advance(state, event, NOW), at(BEFORE, ['one']))
    expect(issued).toEqual({
      ...STATES.issued,
      certificateId: 'new',
      renewAt: LATER,
      nextAt: LATER,
    })
  })

  it('are given up after as long as a validation may take, by the phase that they failed in', () => {
    const end = BEFORE + FAILING_LIMIT_MS
    expect(advance(at(BEFORE), failure, end - 1)).toMatchObject({ state: 'scheduled' })
    const states = [at(BEFORE), { ...STATES.finalizing, failures: 7, failingSince: BEFORE }]
    const phases = states.map((state) => advance(state, failure, end))
    expect(phases).toMatchObject([
      { state: 'timed_out', phase: 'initializing', problem: 'no' },
      { state: 'timed_out', phase: 'issuance', problem: 'no' },
    ])
  })
})

describe('a CA that is away', () => {
  const away: IssuanceEvent = { type: 'still-waiting', retryAt: LATER, problem: 'no answer' }

  it('is away since the first time that it did not answer', () => {
    const first = advance(STATES.validating, away, BEFORE)
    expect(first).toMatchObject({ nextAt: LATER, awaySince: BEFORE, problem: 'no answer' })
    expect(advance(first, away, NOW)).toMatchObject({ awaySince: BEFORE })
  })

  it('is back when it answers', () => {
    const waiting = advance(STATES.validating, away, BEFORE)
    for (const event of [EVENTS['still-waiting'], EVENTS.authorized]) {
      const after = advance(waiting, event, NOW)
      expect(after).not.toHaveProperty('awaySince')
      expect(after).not.toHaveProperty('problem')
    }
  })

  it.each(['validating', 'finalizing'] as const)(
    'is asked at once where somebody asks to try again, but one at work is not: %s',
    (state) => {
      const waiting = advance(STATES[state], away, BEFORE)
      expect(advance(waiting, EVENTS.restart, NOW)).toEqual({ ...waiting, nextAt: NOW })
      expect(advance(STATES[state], EVENTS.restart, NOW)).toBe(STATES[state])
    },
  )
})

describe('questions about an issuance', () => {
  it.each(Object.values(STATES).map((issuance) => [issuance.state, issuance] as const))(
    'know when %s is due',
    (state, issuance) => {
      const waits = ['deploying', 'uploaded', 'timed_out'].includes(state)
      expect(issuanceDueAt(issuance)).toBe(waits ? undefined : BEFORE)
    },
  )

  it('know which states have an order', () => {
    const withOrder = Object.values(STATES).filter(hasOpenOrder)
    expect(withOrder.map(({ state }) => state)).toEqual(['ordered', 'validating', 'finalizing'])
  })
})
