import { describe, expect, it } from 'vitest'

import { createLogger } from '#lib/log.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import { dueAt, type CustomHostname } from '#domain/custom-hostname.ts'
import { uploadedChains } from '#domain/uploaded-chains.ts'
import { advance } from '#domain/advance-issuance.ts'
import { ownLookProblems } from '#domain/ownership.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import { systemClock } from '#lib/clock.ts'
import { startControlPlane, type ControlPlane } from '#test/control-plane.ts'
import { aCertificate, aHostname } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'

const DAY = 86_400_000
const GONE = 'custom hostname does not CNAME to this zone.'

/** A customer who may leave, and what of ours answered for him when he was looked at. */
function customer(): Inspector & { isHere: boolean; isSeen: boolean; looks: string[] } {
  const state = { isHere: true, isSeen: true, looks: new Array<string>() }
  const inspector = aCustomer({
    inspectOwnership: async ({ hostname }) => {
      state.looks.push(hostname)
      if (!state.isSeen) return { errors: ['not asked'], isOurs: true }
      return state.isHere ? { provedBy: 'cname' } : { errors: [GONE] }
    },
  })
  return Object.assign(state, inspector)
}

/** Proved two days ago and served since, with an RSA certificate of its own that ends at `notAfter`. */
async function createOwn(plane: ControlPlane, notAfter: number): Promise<CustomHostname> {
  const now = systemClock.now()
  const base = aHostname({}, now - 2 * DAY)
  const { serial } = base.deployment
  const certificate = {
    ...aCertificate(base, 'rsa'),
    ca: undefined,
    notBefore: notAfter - 90 * DAY,
    notAfter,
  }
  const chains = uploadedChains([certificate], { serial, now }).map((chain) => ({
    ...chain,
    issuance: advance(chain.issuance, { type: 'deployed' }, now),
  }))
  const record: CustomHostname = {
    ...base,
    ssl: base.ssl && { ...base.ssl, method: undefined },
    ownership: { state: 'verified', at: now - 2 * DAY, by: 'cname', serial },
    chains,
  }
  await plane.store.hostnames.create(record, { certificates: [certificate] })
  plane.publisher.wake()
  plane.lifecycle.wake()
  return record
}

async function kindsOf(plane: ControlPlane, id: string): Promise<string[]> {
  const { items } = await plane.store.timeline.list(id, { page: 1, perPage: 50 })
  return items.map(({ kind }) => kind).filter((kind) => !kind.startsWith('hostname.'))
}

/** As if a day had passed. */
async function tomorrow(plane: ControlPlane, id: string): Promise<void> {
  await plane.store.hostnames.update(id, (record) => {
    const { ownership } = record
    if (ownership.state !== 'verified' || !ownership.look) return undefined
    const look = { ...ownership.look, nextAt: systemClock.now() }
    return { record: { ...record, ownership: { ...ownership, look } } }
  })
  plane.lifecycle.wake()
}

const isLookedAt = ({ ownership }: CustomHostname): boolean =>
  ownership.state === 'verified' && (ownership.look?.nextAt ?? 0) > systemClock.now()

describe('a hostname with a certificate of its customer’s own', () => {
  it('is looked at once a day, and tells when it does not lead here and when it does again', async () => {
    const inspector = customer()
    const lines: string[] = []
    const log = createLogger({ level: 'warn', write: (line) => void lines.push(line) })
    await using plane = await startControlPlane({ inspector, log })
    const { id } = await createOwn(plane, systemClock.now() + 60 * DAY)
    const seen = await plane.until(id, isLookedAt)
    expect(ownLookProblems(seen)).toEqual([])
    const inMs = (dueAt(seen) ?? 0) - systemClock.now()
    expect(inMs).toBeGreaterThan(0.7 * DAY)
    expect(inMs).toBeLessThan(1.3 * DAY)

    inspector.isHere = false
    await tomorrow(plane, id)
    const gone = await plane.until(id, (record) => ownLookProblems(record).length > 0)
    expect(hostnameStatus(gone)).toBe('active')
    expect(lines.filter((line) => line.includes(GONE))).toHaveLength(1)
    await tomorrow(plane, id)
    await plane.until(id, isLookedAt)
    expect(await kindsOf(plane, id)).toEqual(['ownership.left'])

    inspector.isHere = true
    await tomorrow(plane, id)
    await plane.until(id, (record) => ownLookProblems(record).length === 0)
    expect(await kindsOf(plane, id)).toContain('ownership.returned')
    expect(inspector.looks).toHaveLength(4)
    await expect.poll(() => plane.answers()).toBe(0)
  })

  it('is as it was while it is we who cannot look', async () => {
    const inspector = customer()
    await using plane = await startControlPlane({ inspector })
    const { id } = await createOwn(plane, systemClock.now() + 60 * DAY)
    await plane.until(id, isLookedAt)
    inspector.isSeen = false
    await tomorrow(plane, id)
    expect(ownLookProblems(await plane.until(id, isLookedAt))).toEqual([])
    inspector.isHere = false
    inspector.isSeen = true
    await tomorrow(plane, id)
    await plane.until(id, (record) => ownLookProblems(record).length > 0)
    inspector.isSeen = false
    await tomorrow(plane, id)
    expect(ownLookProblems(await plane.until(id, isLookedAt))).toEqual([GONE])
    expect(await kindsOf(plane, id)).toEqual(['ownership.left'])
  })

  it('warns of its end once, well before', async () => {
    const lines: string[] = []
    const log = createLogger({ level: 'warn', write: (line) => void lines.push(line) })
    await using plane = await startControlPlane({ inspector: customer(), log })
    const { id } = await createOwn(plane, systemClock.now() + 29 * DAY)
    const seen = await plane.until(id, isLookedAt)
    expect(sslStatus(seen, systemClock.now())).toBe('pending_expiration')
    await tomorrow(plane, id)
    await plane.until(id, isLookedAt)
    expect(await kindsOf(plane, id)).toEqual(['certificate.expiring'])
    expect(lines.filter((line) => line.includes('expires'))).toHaveLength(1)
    expect(await plane.store.hostnames.countExpiringBy(systemClock.now() + 30 * DAY)).toBe(1)
  })

  it('is moved only when it leads elsewhere and its certificate is over', async () => {
    const inspector = customer()
    await using plane = await startControlPlane({ inspector })
    const over = await createOwn(plane, systemClock.now() - 1)
    await plane.until(over.id, isLookedAt)
    inspector.isHere = false
    await tomorrow(plane, over.id)
    const moved = await plane.until(over.id, ({ ownership }) => ownership.state === 'moved')
    expect(moved.ownership).toMatchObject({ errors: [GONE] })
  })
})
