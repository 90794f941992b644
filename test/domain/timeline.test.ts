import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance, IssuanceEvent } from '#domain/issuance.ts'
import { advance } from '#domain/advance-issuance.ts'
import { advanceOwnership, type OwnershipEvent } from '#domain/ownership.ts'
import { timelineOf } from '#domain/timeline-of.ts'
import { messageOf, TIMELINE_KINDS, type TimelineEvent } from '#domain/timeline.ts'
import {
  aCertificate,
  aHostname,
  anActiveHostname,
  anEventOf,
  anOrder,
  NOON,
} from '#test/records.ts'

const BY = { now: NOON + 7, by: 'a token' }
const DAY = 86_400_000

/** Kinds of the events between two versions, with what is said of each. */
function told(before: CustomHostname, after: CustomHostname): [string, object][] {
  return timelineOf(before, after, BY).map(({ kind, details }) => [kind, details])
}

function kinds(before: CustomHostname, after: CustomHostname): string[] {
  return timelineOf(before, after, BY).map(({ kind }) => kind)
}

function withEcdsa(record: CustomHostname, issuance: Issuance): CustomHostname {
  const [ecdsa, ...others] = record.chains
  if (!ecdsa) throw new Error('has one')
  return { ...record, chains: [{ ...ecdsa, issuance }, ...others] }
}

function step(record: CustomHostname, event: IssuanceEvent, now = NOON): CustomHostname {
  const [ecdsa] = record.chains
  if (!ecdsa) throw new Error('has one')
  return withEcdsa(record, advance(ecdsa.issuance, event, now))
}

function owned(record: CustomHostname, event: OwnershipEvent): CustomHostname {
  return { ...record, ownership: advanceOwnership(record.ownership, event, NOON) }
}

/** Every version on the way, and what the timeline says of each step. */
function follow(record: CustomHostname, events: readonly IssuanceEvent[]): string[][] {
  let current = record
  return events.map((event) => {
    const next = step(current, event)
    const said = kinds(current, next)
    current = next
    return said
  })
}

const opened = { type: 'order-opened', order: anOrder() } as const
const authorized = { type: 'authorized', certificateId: 'c', sealedKey: '' } as const

describe('the timeline of a hostname', () => {
  it('begins with its creation', () => {
    const record = aHostname()
    expect(timelineOf(undefined, record, BY)).toEqual([
      {
        hostnameId: record.id,
        at: BY.now,
        by: 'a token',
        kind: 'hostname.created',
        details: { hostname: record.hostname },
      },
    ])
  })

  it('says nothing where nothing changed', () => {
    for (const record of [aHostname(), anActiveHostname()]) {
      expect(kinds(record, structuredClone(record))).toEqual([])
    }
  })

  it('follows a certificate from its order to the edges', () => {
    const deployed = follow(aHostname(), [
      opened,
      { type: 'validation-begun' },
      { type: 'still-waiting', retryAt: NOON + 1 },
      authorized,
      { type: 'signed', certificateId: 'c', serial: 2, renewAt: NOON + DAY },
      { type: 'deployed' },
    ])
    expect(deployed).toEqual([
      ['certificate.ordered'],
      ['certificate.validating'],
      [],
      ['certificate.validated'],
      [],
      ['certificate.deployed'],
    ])
  })

  it('tells once that the CA is away, or of another reason why', () => {
    const away = { type: 'still-waiting', retryAt: NOON + 1 } as const
    const told = follow(aHostname(), [
      opened,
      { ...away, problem: 'no answer' },
      { type: 'validation-begun' },
      { ...away, problem: 'no answer' },
      { ...away, problem: 'no answer' },
      { ...away, problem: 'maintenance' },
      authorized,
      { ...away, problem: 'maintenance' },
    ])
    expect(told).toEqual([
      ['certificate.ordered'],
      ['certificate.waiting'],
      ['certificate.validating'],
      ['certificate.waiting'],
      [],
      ['certificate.waiting'],
      ['certificate.validated'],
      ['certificate.waiting'],
    ])
  })

  it('tells a first order from a renewal', () => {
    const ca = 'local'
    const first = aHostname()
    expect(told(first, step(first, opened))).toEqual([
      ['certificate.ordered', { keyAlgorithm: 'ecdsa', ca, isRenewal: false }],
    ])
    const active = anActiveHostname()
    expect(told(active, step(active, opened))).toEqual([
      ['certificate.ordered', { keyAlgorithm: 'ecdsa', ca, isRenewal: true }],
    ])
  })

  it('tells a first certificate from a renewed one', () => {
    const signed = (record: CustomHostname): CustomHostname => {
      const { id, notBefore, notAfter } = { ...aCertificate(record, 'ecdsa'), id: 'newer' }
      const [ecdsa, ...others] = record.chains
      if (!ecdsa) throw new Error('has one')
      const certificate = { id, notBefore, notAfter }
      return { ...record, chains: [{ ...ecdsa, certificate }, ...others] }
    }
    const details = {
      keyAlgorithm: 'ecdsa',
      certificateId: 'newer',
      expiresAt: NOON + 90 * DAY,
    }
    const [first, active] = [aHostname(), anActiveHostname()]
    expect(told(first, signed(first))).toEqual([['certificate.issued', details]])
    expect(told(active, signed(active))).toEqual([['certificate.renewed', details]])
  })

  it('calls a certificate of the caller’s own uploaded, and tells when the edges serve it', () => {
    const record = anActiveHostname()
    const [ecdsa, ...others] = record.chains
    if (!ecdsa) throw new Error('has one')
    const certificate = { id: 'own', notBefore: NOON, notAfter: NOON + DAY }
    const issuance = {
      state: 'deploying' as const,
      certificateId: 'own',
      serial: 9,
      nextAt: NOON + 1,
      failures: 0,
    }
    const uploaded = { ...record, chains: [{ ...ecdsa, certificate, issuance }, ...others] }
    expect(told(record, uploaded)).toEqual([
      [
        'certificate.uploaded',
        { keyAlgorithm: 'ecdsa', certificateId: 'own', expiresAt: NOON + DAY },
      ],
    ])
    expect(told(uploaded, step(uploaded, { type: 'deployed' }))).toEqual([
      ['certificate.deployed', { keyAlgorithm: 'ecdsa', certificateId: 'own' }],
    ])
  })

  it('tells that a certificate was taken off the hostname', () => {
    const record = anActiveHostname()
    const [, rsa] = record.chains
    if (!rsa?.certificate) throw new Error('has one')
    const alone = { ...record, chains: record.chains.slice(0, 1) }
    expect(told(record, alone)).toEqual([
      ['certificate.removed', { keyAlgorithm: 'rsa', certificateId: rsa.certificate.id }],
    ])
  })

  it('says why a validation is not ready once, and again when the reason changes', () => {
    const said = follow(aHostname(), [
      opened,
      { type: 'not-ready', problem: 'one' },
      { type: 'not-ready', problem: 'one' },
      { type: 'not-ready', problem: 'two' },
      { type: 'not-ready', problem: 'two' },
    ])
    const notReady = ['certificate.not_ready']
    expect(said).toEqual([['certificate.ordered'], notReady, [], notReady, []])
  })

  it('tells each order that failed, but not each try to open one', () => {
    const failed = { type: 'failed', problem: 'away', retryAt: NOON + 5 } as const
    const said = follow(aHostname(), [failed, failed, opened, failed, opened, failed, failed])
    expect(said).toEqual([
      ['certificate.failed'],
      [],
      ['certificate.ordered'],
      ['certificate.failed'],
      ['certificate.ordered'],
      ['certificate.failed'],
      [],
    ])
    const record = aHostname()
    expect(told(record, step(record, failed))).toEqual([
      ['certificate.failed', { keyAlgorithm: 'ecdsa', problem: 'away', retryAt: NOON + 5 }],
    ])
  })

  it('tells an order that expired from one that failed', () => {
    const said = follow(aHostname(), [
      opened,
      { type: 'not-ready', problem: 'one' },
      { type: 'order-expired' },
      { type: 'order-opened', order: anOrder({ url: 'order/2' }) },
    ])
    expect(said.slice(2)).toEqual([['certificate.order_expired'], ['certificate.ordered']])
  })

  it('tells a new order in place of another, also where the CA asks for no new proof', () => {
    const before = step(aHostname(), opened)
    const order = anOrder({ url: 'order/2' })
    const state = { state: 'finalizing', certificateId: 'c', sealedKey: '' } as const
    const after = withEcdsa(before, { ...state, order, since: NOON, nextAt: NOON, failures: 0 })
    expect(kinds(before, after)).toEqual(['certificate.ordered', 'certificate.validated'])
  })

  it('tells a time-out, and who asked to go on', () => {
    const before = aHostname()
    const timedOut = withEcdsa(before, {
      state: 'timed_out',
      phase: 'validation',
      since: NOON,
      problem: 'never seen',
    })
    const details = { keyAlgorithm: 'ecdsa', phase: 'validation', problem: 'never seen' }
    expect(told(before, timedOut)).toEqual([['certificate.timed_out', details]])
    expect(kinds(timedOut, step(timedOut, { type: 'restart' }))).toEqual([
      'hostname.validation_requested',
    ])
  })

  it('tells that somebody asked to validate now, where there had been a look', () => {
    const looked = owned(aHostname(), { type: 'not-proved', errors: ['no'] })
    expect(kinds(looked, owned(looked, { type: 'restart' }))).toEqual([
      'hostname.validation_requested',
    ])
    const ordered = step(step(aHostname(), opened), { type: 'not-ready', problem: 'no' })
    expect(kinds(ordered, step(ordered, { type: 'restart' }))).toEqual([
      'hostname.validation_requested',
    ])
    const fresh = aHostname()
    expect(kinds(fresh, owned(fresh, { type: 'restart' }))).toEqual([])
  })

  it('follows the ownership, and says a reason only when it is another', () => {
    const first = owned(aHostname(), { type: 'not-proved', errors: ['no'] })
    const second = owned(first, { type: 'not-proved', errors: ['no'] })
    const third = owned(second, { type: 'not-proved', errors: ['still not'] })
    expect(told(aHostname(), first)).toEqual([['ownership.not_verified', { problems: ['no'] }]])
    expect(kinds(first, second)).toEqual([])
    expect(kinds(second, third)).toEqual(['ownership.not_verified'])

    const proved = owned(third, { type: 'proved', by: 'txt', serial: 2 })
    expect(told(third, proved)).toEqual([['ownership.verified', { proof: 'txt' }]])
    const moved = owned(proved, { type: 'moved-away', reason: 'gone' })
    expect(told(proved, moved)).toEqual([['ownership.moved', { problems: ['gone'] }]])
    const deleted = owned(moved, { type: 'lapsed' })
    expect(kinds(moved, deleted)).toEqual(['ownership.deleted'])
    expect(kinds(deleted, owned(deleted, { type: 'restart' }))).toEqual(['ownership.revived'])
    const blocked = owned(proved, { type: 'blocked', reason: 'held' })
    expect(told(proved, blocked)).toEqual([['ownership.blocked', { problem: 'held' }]])
  })

  it('names the fields that were edited as the API does', () => {
    const record = aHostname()
    const { ssl } = record
    if (!ssl) throw new Error('has one')
    const edited: CustomHostname = {
      ...record,
      customMetadata: { a: 1 },
      customOriginServer: 'o.saas.com',
      customOriginSni: 'x.saas.com',
      ssl: { ...ssl, method: 'txt', wildcard: true, settings: { http2: 'on' } },
    }
    expect(told(record, edited)).toEqual([
      [
        'hostname.edited',
        {
          fields: [
            'custom_metadata',
            'custom_origin_server',
            'custom_origin_sni',
            'ssl.method',
            'ssl.wildcard',
            'ssl.settings',
          ],
        },
      ],
    ])
    const without = { ...record, ssl: undefined, chains: [] }
    expect(told(record, without)).toEqual([['hostname.edited', { fields: ['ssl'] }]])
    expect(told(without, record)).toEqual([['hostname.edited', { fields: ['ssl'] }]])
  })

  it('tells the wish to remove it once', () => {
    const record = anActiveHostname()
    const removal = { requestedAt: NOON, serial: 3 }
    expect(kinds(record, { ...record, removal })).toEqual(['hostname.removal_requested'])
    expect(kinds({ ...record, removal }, { ...record, removal })).toEqual([])
  })

  it('tells the first publication and when every edge serves it, but no republishing', () => {
    const active = anActiveHostname()
    const { serial } = active.deployment
    const published = { serial, changeId: '1' }
    const pending = { ...active, deployment: { serial, published: undefined, appliedSerial: 0 } }
    const announced = { ...active, deployment: { serial, published, appliedSerial: 0 } }
    expect(kinds(pending, announced)).toEqual(['hostname.published'])
    expect(kinds(announced, active)).toEqual(['hostname.deployed'])

    const again = { serial: serial + 1, changeId: '2' }
    const due = { ...active, deployment: { ...active.deployment, serial: serial + 1 } }
    const redone = { ...active, deployment: { ...due.deployment, published: again } }
    const applied = { ...active, deployment: { ...redone.deployment, appliedSerial: serial + 1 } }
    expect([kinds(active, due), kinds(due, redone), kinds(redone, applied)]).toEqual([[], [], []])
  })

  it('has a bound for what others said', () => {
    const record = step(aHostname(), opened)
    const long = 'x'.repeat(100_000)
    const notReady = step(record, { type: 'not-ready', problem: long })
    const errors = Array.from({ length: 1_000 }, () => long)
    const notProved = owned(notReady, { type: 'not-proved', errors })
    const events = timelineOf(record, notProved, BY)
    expect(events).toHaveLength(2)
    expect(JSON.stringify(events).length).toBeLessThan(10_000)
  })

  it('never grows by an issuance event that comes again', () => {
    const event = fc.constantFrom<IssuanceEvent>(
      opened,
      { type: 'not-ready', problem: 'no' },
      { type: 'validation-begun' },
      authorized,
      { type: 'failed', problem: 'away', retryAt: NOON },
      { type: 'order-expired' },
      { type: 'deployed' },
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), event, (way, last) => {
        const once = [...way, last].reduce((record, each) => step(record, each), aHostname())
        const twice = step(once, last)
        expect(kinds(once, twice)).toEqual([])
      }),
    )
  })
})

describe('a message', () => {
  it.each(TIMELINE_KINDS)('is one sentence for %s', (kind) => {
    const message = messageOf(anEventOf(kind))
    expect(message).toMatch(/^[A-Za-z].{10,}[.)]$/)
    expect(message).not.toMatch(/undefined|\[object|NaN/)
  })

  it('says what matters', () => {
    const event: TimelineEvent = anEventOf('certificate.failed')
    expect(messageOf(event)).toBe(
      'The ECDSA certificate failed, next try at 2026-11-24 00:00 UTC: No answer.',
    )
  })
})
