import { describe, expect, it } from 'vitest'

import { applyOutcome, applyOwnership } from '#control/lifecycle/apply.ts'
import type { StepOutcome } from '#control/lifecycle/step.ts'
import { chainOf, type CustomHostname } from '#domain/custom-hostname.ts'
import { HELD } from '#domain/hold.ts'
import type { IssuanceEvent } from '#domain/issuance.ts'
import { timelineOf } from '#domain/timeline-of.ts'
import { SYSTEM } from '#domain/timeline.ts'
import { MAX_DCV_ATTEMPTS, SLOWEST_ATTEMPT } from '#domain/validation.ts'
import {
  aCertificate,
  aHostname,
  anActiveHostname,
  anOrder,
  NOON,
  withIssuance,
} from '#test/records.ts'

const now = NOON + 1_000

describe('applyOutcome', () => {
  it('opens the order of one chain and leaves the other alone', () => {
    const outcome: StepOutcome = {
      kind: 'event',
      event: { type: 'order-opened', order: anOrder() },
    }
    const update = applyOutcome(aHostname(), { keyAlgorithm: 'ecdsa', outcome, now })
    expect(update && chainOf(update.record, 'ecdsa')?.issuance.state).toBe('ordered')
    expect(update && chainOf(update.record, 'rsa')?.issuance.state).toBe('scheduled')
  })

  it('lets nobody wait for a proof that was found meanwhile, or that comes', () => {
    const retryAt = now + 3_600_000
    const event = { type: 'deferred', problem: 'not proved', retryAt, awaitsProof: true } as const
    const outcome: StepOutcome = { kind: 'event', event }
    const defer = (record: CustomHostname): CustomHostname =>
      applyOutcome(record, { keyAlgorithm: 'ecdsa', outcome, now })?.record ?? record
    const prove = (record: CustomHostname): CustomHostname =>
      applyOwnership(record, { type: 'proved', by: 'cname', serial: 1 }, now)?.record ?? record
    const issuanceOf = (record: CustomHostname): unknown => chainOf(record, 'ecdsa')?.issuance
    const unproved = aHostname()
    expect(issuanceOf(defer(unproved))).toMatchObject({ nextAt: retryAt })
    expect(issuanceOf(defer(prove(unproved)))).toMatchObject({ nextAt: now })
    expect(issuanceOf(prove(defer(unproved)))).toMatchObject({ nextAt: now })
  })

  it('stores a signed certificate, publishes it, and drops the one it replaces', () => {
    const active = anActiveHostname()
    const old = chainOf(active, 'rsa')?.certificate?.id
    const record = withIssuance(active, 'rsa', {
      state: 'finalizing',
      order: anOrder(),
      since: NOON,
      nextAt: NOON,
      failures: 0,
      certificateId: 'new',
      sealedKey: '',
    })
    const certificate = { ...aCertificate(record, 'rsa'), id: 'new' }
    const outcome: StepOutcome = { kind: 'signed', certificate, renewAt: now + 1 }
    const chains = record.chains.map((chain) => ({ ...chain, isOutdated: true as const }))
    const update = applyOutcome({ ...record, chains }, { keyAlgorithm: 'rsa', outcome, now })
    expect(update?.addCertificates).toEqual([certificate])
    expect(update?.removeCertificates).toEqual([old])
    expect(update?.record.deployment.serial).toBeGreaterThan(record.deployment.serial)
    expect(update && chainOf(update.record, 'rsa')).toMatchObject({
      certificate: { id: 'new' },
      issuance: { state: 'deploying', serial: update?.record.deployment.serial },
    })
    expect(update && chainOf(update.record, 'rsa')).not.toHaveProperty('isOutdated')
    expect(update && chainOf(update.record, 'ecdsa')).toHaveProperty('isOutdated', true)
  })

  it('drops a certificate for a key that the record no longer waits for', () => {
    const record = anActiveHostname()
    const outcome: StepOutcome = {
      kind: 'signed',
      certificate: aCertificate(record, 'rsa'),
      renewAt: now,
    }
    expect(applyOutcome(record, { keyAlgorithm: 'rsa', outcome, now })).toBeUndefined()
  })

  it('gives a validation up, but not while the old certificate is still good', () => {
    const last = {
      state: 'ordered' as const,
      order: anOrder(),
      since: NOON,
      attempts: MAX_DCV_ATTEMPTS,
      nextAt: NOON,
      failures: 0,
    }
    const outcome: StepOutcome = { kind: 'event', event: { type: 'not-ready', problem: 'gone' } }
    const after = (record: CustomHostname, at: number): unknown => {
      const waiting = withIssuance(record, 'rsa', last)
      const update = applyOutcome(waiting, { keyAlgorithm: 'rsa', outcome, now: at })
      return update && chainOf(update.record, 'rsa')?.issuance
    }
    const nextAt = now + 4 * 3_600_000
    const attempts = SLOWEST_ATTEMPT
    const goesOn = { state: 'scheduled', nextAt, failures: 1, problem: 'gone', attempts }
    expect(after(anActiveHostname(), now)).toEqual(goesOn)
    expect(after(aHostname(), now)).toMatchObject({ state: 'timed_out' })
    const expired = NOON + 365 * 86_400_000
    expect(after(anActiveHostname(), expired)).toMatchObject({ state: 'timed_out' })
  })

  it('goes on as seldom as at last where it did not give up, without another name for it', () => {
    const ordered = {
      state: 'ordered' as const,
      order: anOrder(),
      since: NOON,
      attempts: MAX_DCV_ATTEMPTS,
      nextAt: NOON,
      failures: 0,
    }
    const record = withIssuance(anActiveHostname(), 'rsa', ordered)
    const events: IssuanceEvent[] = [
      { type: 'not-ready', problem: 'gone' },
      { type: 'order-opened', order: { ...anOrder(), url: 'order/2' } },
      { type: 'not-ready', problem: 'gone' },
    ]
    const versions = [record]
    for (const event of events) {
      const before = versions.at(-1) ?? record
      const outcome: StepOutcome = { kind: 'event', event }
      const update = applyOutcome(before, { keyAlgorithm: 'rsa', outcome, now })
      versions.push(update?.record ?? before)
    }
    const [first = record, gone = record] = versions
    expect(timelineOf(first, gone, { now, by: SYSTEM }).map(({ kind }) => kind)).toEqual([
      'certificate.failed',
    ])
    const last = versions.at(-1) ?? record
    const fourHours = 4 * 3_600_000
    expect(chainOf(last, 'rsa')?.issuance).toMatchObject({ nextAt: now + fourHours })
  })

  it.each(['not-ready', 'failed'] as const)(
    'shows what came too late to put off a retry that was asked for meanwhile: %s',
    (type) => {
      const ordered = { state: 'ordered' as const, order: anOrder(), since: NOON, failures: 0 }
      const event = { type, problem: 'not there', retryAt: now + 60_000 }
      const outcome: StepOutcome = { kind: 'event', event }
      const after = (nextAt: number): unknown => {
        const record = withIssuance(aHostname(), 'ecdsa', { ...ordered, attempts: 0, nextAt })
        const applied = { keyAlgorithm: 'ecdsa', outcome, now, begunAt: NOON } as const
        const update = applyOutcome(record, applied)
        return update && chainOf(update.record, 'ecdsa')?.issuance
      }
      expect(after(NOON)).toMatchObject({ problem: 'not there', nextAt: now + 60_000 })
      expect(after(NOON + 1)).toMatchObject({ problem: 'not there', nextAt: NOON + 1 })
    },
  )

  it('asks a CA that was away again at once where that was asked for while it was silent', () => {
    const event = { type: 'still-waiting', retryAt: now + 60_000, problem: 'no answer' } as const
    const after = (nextAt: number): unknown => {
      const waiting = { order: anOrder(), since: NOON, failures: 0, awaySince: NOON, nextAt }
      const record = withIssuance(aHostname(), 'ecdsa', { state: 'validating', ...waiting })
      const outcome: StepOutcome = { kind: 'event', event }
      const applied = { keyAlgorithm: 'ecdsa', outcome, now, begunAt: NOON } as const
      const update = applyOutcome(record, applied)
      return update && chainOf(update.record, 'ecdsa')?.issuance
    }
    expect(after(NOON)).toMatchObject({ problem: 'no answer', nextAt: now + 60_000 })
    expect(after(NOON + 1)).toMatchObject({ problem: 'no answer', nextAt: NOON + 1 })
  })

  it('changes nothing of a hostname that is being removed', () => {
    const record = aHostname({ removal: { requestedAt: NOON, serial: 2 } })
    const outcome: StepOutcome = {
      kind: 'event',
      event: { type: 'order-opened', order: anOrder() },
    }
    expect(applyOutcome(record, { keyAlgorithm: 'ecdsa', outcome, now })).toBeUndefined()
    expect(applyOwnership(record, { type: 'proved', by: 'http', serial: 0 }, now)).toBeUndefined()
    expect(applyOwnership(record, HELD, now)).toBeUndefined()
  })
})

describe('applyOwnership', () => {
  it('publishes a proof with the serial that will carry it', () => {
    const record = aHostname()
    const update = applyOwnership(record, { type: 'proved', by: 'cname', serial: 0 }, now)
    const serial = update?.record.deployment.serial ?? 0
    expect(serial).toBeGreaterThan(record.deployment.serial)
    expect(update?.record.ownership).toEqual({ state: 'verified', at: now, by: 'cname', serial })
  })

  it('does not publish anything when a look found nothing', () => {
    const record = aHostname()
    const update = applyOwnership(record, { type: 'not-proved', errors: ['no'] }, now)
    expect(update?.record.deployment.serial).toBe(record.deployment.serial)
    expect(update?.record.ownership).toMatchObject({
      state: 'pending',
      attempts: 1,
      errors: ['no'],
    })
  })
})
