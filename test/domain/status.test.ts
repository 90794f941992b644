import { describe, expect, it } from 'vitest'

import type { CustomHostname, Deployment } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import { DEPLOYMENT_DEADLINE_MS } from '#domain/advance-issuance.ts'
import type { ManagedChain } from '#domain/managed-chain.ts'
import type { Ownership } from '#domain/ownership.ts'
import { hostnameStatus, sslStatus, type SslStatus } from '#domain/status.ts'
import { aHostname, anActiveHostname, anOrder } from '#test/records.ts'

const NOW = Date.UTC(2026, 10, 24)
const HOUR_MS = 3_600_000
const removal = { requestedAt: NOW, serial: 9 }

const OWNERSHIPS: { [S in Ownership['state']]: Ownership } = {
  pending: { state: 'pending', since: NOW, attempts: 0, nextAt: NOW, errors: [] },
  verified: { state: 'verified', at: NOW, by: 'cname', serial: 5 },
  moved: { state: 'moved', since: NOW, nextAt: NOW, errors: [] },
  deleted: { state: 'deleted', since: NOW, errors: [] },
  blocked: { state: 'blocked', since: NOW, reason: 'held' },
}

const deployment = (serial: number, appliedSerial: number): Deployment => ({
  serial,
  published: undefined,
  appliedSerial,
})

describe('hostnameStatus', () => {
  it.each([
    ['pending', 'pending'],
    ['moved', 'moved'],
    ['deleted', 'deleted'],
    ['blocked', 'blocked'],
  ] as const)('is %s while ownership is %s, whatever is deployed', (expected, state) => {
    const ownership = OWNERSHIPS[state]
    expect(hostnameStatus(aHostname({ ownership, deployment: deployment(9, 9) }))).toBe(expected)
    expect(hostnameStatus(aHostname({ ownership, deployment: deployment(1, 0) }))).toBe(expected)
  })

  it.each([
    [5, 0, 'pending', 'no edge knows of the proof'],
    [5, 4, 'pending', 'an edge does not know of the proof yet'],
    [5, 5, 'active', 'every edge serves it'],
    [6, 4, 'pending', 'an edge knows neither the proof nor the change'],
    [6, 5, 'active_redeploying', 'an edge does not know of a change yet'],
    [6, 6, 'active', 'every edge serves it as it is now'],
  ] as const)('with serial %d, of which %d is applied, is %s: %s', (...given) => {
    const [serial, applied, expected] = given
    const record = aHostname({
      ownership: OWNERSHIPS.verified,
      deployment: deployment(serial, applied),
    })
    expect(hostnameStatus(record)).toBe(expected)
  })

  it.each(Object.values(OWNERSHIPS).map((ownership) => [ownership.state, ownership] as const))(
    'is pending_deletion once removal is asked for, though ownership is %s',
    (_, ownership) => {
      expect(hostnameStatus(aHostname({ ownership, removal }))).toBe('pending_deletion')
    },
  )
})

const order = anOrder()
const open = { order, since: NOW, nextAt: NOW, failures: 0 }
const renewal = { renewAt: NOW + HOUR_MS, nextAt: NOW + HOUR_MS, failures: 0 } as const
const DAY = 24 * HOUR_MS
const issued = { state: 'issued', certificateId: 'c', ...renewal } as const
const deploying = {
  state: 'deploying',
  certificateId: 'c',
  serial: 1,
  renewAt: NOW,
  nextAt: NOW + 1,
  failures: 0,
} as const
const scheduled = { state: 'scheduled', nextAt: NOW, failures: 0 } as const
const timedOut = { state: 'timed_out', since: NOW, problem: 'x' } as const

const ISSUANCES = {
  scheduled,
  retrying: { ...scheduled, failures: 1, problem: 'x' },
  ordered: { ...open, state: 'ordered', attempts: 0 },
  alone: { ...open, order: { ...order, provedAlone: true }, state: 'ordered', attempts: 0 },
  denied: { ...open, state: 'ordered', attempts: 1, problem: 'x' },
  validating: { ...open, state: 'validating' },
  finalizing: { ...open, state: 'finalizing', certificateId: 'c', sealedKey: '' },
  deploying,
  overdue: { ...deploying, nextAt: NOW },
  issued,
  uploaded: { state: 'uploaded', certificateId: 'c' },
  initializing_timed_out: { ...timedOut, phase: 'initializing' },
  validation_timed_out: { ...timedOut, phase: 'validation' },
  issuance_timed_out: { ...timedOut, phase: 'issuance' },
  deployment_timed_out: { ...timedOut, phase: 'deployment' },
} as const satisfies Record<string, Issuance>

type Step = keyof typeof ISSUANCES

/** A hostname whose chains are at these steps, ECDSA first; `until`: a certificate is served so long. */
function at(ecdsa: Step, rsa: Step, until?: { ecdsa?: number; rsa?: number }): CustomHostname {
  const chain = (keyAlgorithm: 'ecdsa' | 'rsa', step: Step): ManagedChain => {
    const notAfter = until?.[keyAlgorithm]
    const certificate = notAfter && { id: 'c', notBefore: notAfter - 90 * DAY, notAfter }
    return { keyAlgorithm, issuance: ISSUANCES[step], certificate: certificate || undefined }
  }
  return aHostname({ chains: [chain('ecdsa', ecdsa), chain('rsa', rsa)] })
}

describe('sslStatus of a first certificate pack', () => {
  it.each<[Step, Step, SslStatus]>([
    ['scheduled', 'scheduled', 'initializing'],
    ['retrying', 'scheduled', 'initializing'],
    ['ordered', 'scheduled', 'pending_validation'],
    ['validating', 'scheduled', 'pending_validation'],
    ['ordered', 'ordered', 'pending_validation'],
    ['validating', 'finalizing', 'pending_issuance'],
    ['alone', 'finalizing', 'pending_validation'],
    ['denied', 'issued', 'pending_validation'],
    ['finalizing', 'scheduled', 'pending_issuance'],
    ['deploying', 'scheduled', 'pending_issuance'],
    ['issued', 'scheduled', 'pending_issuance'],
    ['finalizing', 'finalizing', 'pending_issuance'],
    ['issued', 'retrying', 'initializing'],
    ['issued', 'ordered', 'pending_issuance'],
    ['issued', 'alone', 'pending_validation'],
    ['issued', 'finalizing', 'pending_issuance'],
    ['issued', 'deploying', 'pending_deployment'],
    ['deploying', 'deploying', 'pending_deployment'],
    ['issued', 'issued', 'active'],
    ['overdue', 'issued', 'deployment_timed_out'],
    ['initializing_timed_out', 'issued', 'initializing_timed_out'],
    ['validation_timed_out', 'scheduled', 'validation_timed_out'],
    ['issuance_timed_out', 'issued', 'issuance_timed_out'],
    ['deployment_timed_out', 'issued', 'deployment_timed_out'],
    ['validation_timed_out', 'overdue', 'validation_timed_out'],
  ])('with chains %s and %s is %s, in either order', (one, other, expected) => {
    expect(sslStatus(at(one, other), NOW)).toBe(expected)
    expect(sslStatus(at(other, one), NOW)).toBe(expected)
  })
})

describe('sslStatus at a renewal', () => {
  const valid = { ecdsa: NOW + 30 * DAY, rsa: NOW + 30 * DAY }

  it.each<Step>([
    'scheduled',
    'retrying',
    'ordered',
    'validating',
    'finalizing',
    'issued',
    'validation_timed_out',
    'issuance_timed_out',
  ])('stays active while the present certificate is valid and the next is %s', (step) => {
    expect(sslStatus(at(step, 'issued', valid), NOW)).toBe('active')
  })

  it('is pending_deployment while the next one goes out to the edges', () => {
    expect(sslStatus(at('deploying', 'issued', valid), NOW)).toBe('pending_deployment')
    expect(sslStatus(at('overdue', 'issued', valid), NOW)).toBe('deployment_timed_out')
  })

  it('warns when half of the time for renewal has gone by, if nothing is on its way to the edges', () => {
    const soon = { ecdsa: NOW + 15 * DAY, rsa: NOW + 30 * DAY }
    expect(sslStatus(at('retrying', 'issued', soon), NOW - 1)).toBe('active')
    expect(sslStatus(at('retrying', 'issued', soon), NOW)).toBe('pending_expiration')
    expect(sslStatus(at('deploying', 'issued', soon), NOW)).toBe('pending_deployment')
  })

  it('warns of the caller’s own certificate a whole month before its end: nobody else renews it', () => {
    const month = { ecdsa: NOW + 30 * DAY, rsa: NOW + 30 * DAY }
    expect(sslStatus(at('uploaded', 'uploaded', month), NOW - 1)).toBe('active')
    expect(sslStatus(at('uploaded', 'uploaded', month), NOW)).toBe('pending_expiration')
  })

  it('is expired once one chain is, whatever is under way', () => {
    for (const step of ['ordered', 'issued', 'validation_timed_out', 'deploying'] as const) {
      expect(sslStatus(at('issued', step, { ecdsa: NOW + 30 * DAY, rsa: NOW }), NOW)).toBe(
        'expired',
      )
    }
  })
})

describe('sslStatus while another certificate is wanted', () => {
  const outdated = (ecdsa: Step, rsa: Step, notAfter = NOW + 80 * DAY): CustomHostname => {
    const record = at(ecdsa, rsa, { ecdsa: notAfter, rsa: notAfter })
    return { ...record, chains: record.chains.map((chain) => ({ ...chain, isOutdated: true })) }
  }

  it.each<[Step, Step, SslStatus]>([
    ['scheduled', 'scheduled', 'initializing'],
    ['ordered', 'scheduled', 'pending_validation'],
    ['finalizing', 'scheduled', 'pending_issuance'],
    ['deploying', 'scheduled', 'pending_issuance'],
    ['validation_timed_out', 'scheduled', 'validation_timed_out'],
  ])('is how far that one is, whatever is served (%s, %s)', (ecdsa, rsa, expected) => {
    expect(sslStatus(outdated(ecdsa, rsa), NOW)).toBe(expected)
  })

  it('still warns of the end of the one that is served', () => {
    expect(sslStatus(outdated('ordered', 'scheduled', NOW + DAY), NOW)).toBe('pending_expiration')
    expect(sslStatus(outdated('ordered', 'scheduled', NOW), NOW)).toBe('expired')
  })
})

describe('sslStatus otherwise', () => {
  it('is nothing for a hostname without a certificate', () => {
    expect(sslStatus(aHostname({ ssl: undefined, chains: [] }), NOW)).toBeUndefined()
    expect(sslStatus(aHostname({ ssl: undefined, chains: [], removal }), NOW)).toBeUndefined()
  })

  it('is pending_deletion once removal is asked for, and timed out where an edge holds it up', () => {
    const leaving = anActiveHostname({ removal })
    const deadline = removal.requestedAt + DEPLOYMENT_DEADLINE_MS
    expect(sslStatus(leaving, NOW)).toBe('pending_deletion')
    expect(sslStatus(leaving, deadline - 1)).toBe('pending_deletion')
    expect(sslStatus(leaving, deadline)).toBe('deletion_timed_out')
  })

  it('is deleted with the hostname, not with one that moved', () => {
    expect(sslStatus(anActiveHostname({ ownership: OWNERSHIPS.deleted }), NOW)).toBe('deleted')
    expect(sslStatus(anActiveHostname({ ownership: OWNERSHIPS.moved }), NOW)).toBe('active')
  })

  it('is initializing before there are chains', () => {
    expect(sslStatus(aHostname({ chains: [] }), NOW)).toBe('initializing')
  })
})
