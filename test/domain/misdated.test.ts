import { describe, expect, it } from 'vitest'

import { isDue, type CustomHostname } from '#domain/custom-hostname.ts'
import { newIssuance, type Issuance } from '#domain/issuance.ts'
import { advance } from '#domain/advance-issuance.ts'
import { earliestWriteOf, withoutMisdates } from '#domain/misdated.ts'
import { aHostname, anActiveHostname, anOrder, NOON, withIssuance } from '#test/records.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const YEAR = 365 * DAY
const NOW_AND_A_YEAR = NOON + YEAR

const datedAhead = new Set<string>()

function isMisdated(record: CustomHostname, now = NOON): boolean {
  return (earliestWriteOf(record) ?? -Infinity) > now
}

/** A served hostname one chain of which is in this state. */
function withState(issuance: Issuance): CustomHostname {
  return withIssuance(anActiveHostname(), 'rsa', issuance)
}

const opened = { order: anOrder(), since: NOON, failures: 0 }
const sealed = { certificateId: 'c', sealedKey: 'k' }
const WAITS: readonly [string, (nextAt: number) => Issuance, longestMs: number][] = [
  ['an order to be opened', (nextAt) => ({ state: 'scheduled', nextAt, failures: 1 }), DAY],
  [
    'a renewal whose turn is to come',
    (nextAt) => ({ state: 'scheduled', nextAt, failures: 0, turn: nextAt }),
    15 * DAY,
  ],
  ['a customer', (nextAt) => ({ state: 'ordered', attempts: 50, nextAt, ...opened }), 4 * HOUR],
  ['a validation', (nextAt) => ({ state: 'validating', nextAt, ...opened }), DAY],
  ['a signature', (nextAt) => ({ state: 'finalizing', nextAt, ...opened, ...sealed }), DAY],
]

describe('what waits for', () => {
  it.each(WAITS)(
    '%s is misdated where it waits a year, and is due then',
    (_, waiting, longestMs) => {
      expect(isMisdated(withState(waiting(NOON + longestMs)))).toBe(false)
      const record = withState(waiting(NOON + YEAR))
      expect(isMisdated(record)).toBe(true)
      const mended = withoutMisdates(record, { now: NOON, datedAhead })
      expect(isDue(mended, NOON)).toBe(true)
      expect(isMisdated(mended)).toBe(false)
    },
  )

  it('a proof is misdated where it waits a year', () => {
    const pending = { state: 'pending', since: NOON + YEAR, attempts: 3, errors: [] } as const
    const record = aHostname({ ownership: { ...pending, nextAt: NOON + YEAR }, chains: [] })
    expect(isMisdated(record)).toBe(true)
    const mended = withoutMisdates(record, { now: NOON, datedAhead })
    expect(mended.ownership).toMatchObject({ nextAt: NOON, since: NOON, attempts: 3 })
  })

  it('another look is misdated where it waits a year, and so is the proof before it', () => {
    const active = anActiveHostname()
    const look = { problems: [], nextAt: NOW_AND_A_YEAR }
    const proof = { state: 'verified', at: NOW_AND_A_YEAR - DAY, by: 'cname', serial: 1 } as const
    const record = { ...active, ownership: { ...proof, look } }
    expect(isMisdated(record)).toBe(true)
    const mended = withoutMisdates(record, { now: NOON, datedAhead })
    expect(mended.ownership).toMatchObject({ at: NOON, look: { nextAt: NOON } })
    expect(isMisdated(mended)).toBe(false)
    expect(isMisdated({ ...record, ownership: { ...proof, at: NOON } })).toBe(false)
  })

  it('its deletion keeps its seven days', () => {
    const moved = { state: 'moved', since: NOON + YEAR, errors: [] } as const
    const record = aHostname({ ownership: { ...moved, nextAt: NOON + YEAR + 7 * DAY } })
    const mended = withoutMisdates(record, { now: NOON, datedAhead })
    expect(mended.ownership).toMatchObject({ state: 'moved', nextAt: NOON + 7 * DAY })
  })

  it('its renewal is not misdated, however long its certificate is good', () => {
    const record = anActiveHostname()
    expect(isMisdated(record)).toBe(false)
    expect(isMisdated(record, NOON - DAY / 2)).toBe(false)
    expect(withoutMisdates(record, { now: NOON, datedAhead })).toBe(record)
  })

  it('its renewal is not misdated where its CA said when, and is not used any more', () => {
    const renewAt = NOON + 60 * DAY
    const window = { start: renewAt, end: renewAt + DAY }
    const at = { renewAt, nextAt: renewAt, renewalInfo: { window } }
    const issued: Issuance = { state: 'issued', certificateId: 'c', failures: 0, ...at }
    const record = withState(issued)
    expect(isMisdated(record)).toBe(false)
    expect(withoutMisdates(record, { now: NOON, datedAhead })).toBe(record)
  })
})

describe('certificates that are not valid yet', () => {
  const record = anActiveHostname()
  const before = NOON - YEAR
  const ids = record.chains.flatMap(({ certificate }) => (certificate ? [certificate.id] : []))

  it('are replaced where a clock stored them that was ahead', () => {
    expect(isMisdated(record, before)).toBe(true)
    const mended = withoutMisdates(record, { now: before, datedAhead: new Set(ids) })
    expect(mended.chains.map(({ issuance }) => issuance)).toEqual([
      newIssuance(before),
      newIssuance(before),
    ])
  })

  it('are left alone where our clock is behind: the next ones would be no better', () => {
    const mended = withoutMisdates(record, { now: before, datedAhead })
    expect(mended.chains).toEqual(record.chains)
  })
})

describe('a clock that was behind and is set right', () => {
  const failed = { type: 'failed', problem: 'The CA is away.' } as const

  it('gives up nothing before it was tried for a while by the right time', () => {
    let issuance = advance(newIssuance(0), { ...failed, retryAt: 1 }, 0)
    for (let tries = 0; tries < 4; tries++) {
      const now = NOON + tries * HOUR
      issuance = advance(issuance, { ...failed, retryAt: now }, now)
      expect(issuance.state).toBe('scheduled')
    }
  })

  it('counts from now what failed first in the future', () => {
    const ahead = {
      state: 'scheduled',
      nextAt: NOON,
      failures: 20,
      failingSince: NOON + YEAR,
    } as const
    const next = advance(ahead, { ...failed, retryAt: NOON }, NOON)
    expect(next).toMatchObject({ state: 'scheduled', failingSince: NOON })
  })
})
