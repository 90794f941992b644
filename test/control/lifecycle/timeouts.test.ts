import { describe, expect, it } from 'vitest'

import { editCustomHostname } from '#control/api/edit-custom-hostname.ts'
import { IssuerError, type Issuer } from '#control/ca/issuer.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import { dueAt, type CustomHostname } from '#domain/custom-hostname.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import { MAX_DCV_ATTEMPTS, MAX_OWNERSHIP_ATTEMPTS } from '#domain/validation.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import { alteredIssuer } from '#test/altered-issuer.ts'
import { startControlPlane, type ControlPlane } from '#test/control-plane.ts'
import { aHostname } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'
import { waitUntil } from '#test/wait.ts'

/** Weeks of both state machines, through the loop and the store (spec sections 2.1, 2.2 and 2.4). */
const DAY = 86_400_000
const PROBLEM = 'It is not to be.'

interface Weeks {
  plane: ControlPlane
  /** When it was created. */
  record: CustomHostname
  clock: Clock
  days(): number
  /** Time stands still while anything is worked on, then jumps to what is due next. */
  until(condition: (record: CustomHostname) => boolean): Promise<CustomHostname>
  /** What PATCH with an empty body does. */
  patch(): Promise<CustomHostname>
}

async function startWeeks(
  stack: AsyncDisposableStack,
  options: { inspector: Inspector; issuer?: (built: Issuer) => Issuer },
): Promise<Weeks> {
  let forward = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + forward }
  const plane = stack.use(await startControlPlane({ ...options, clock, authorizationReuseMs: 0 }))
  const created = aHostname({}, clock.now())
  // One chain is enough, and an RSA key for each of a hundred orders too much.
  const record = { ...created, chains: created.chains.slice(0, 1) }
  const { id, createdAt } = record
  await plane.create(record)
  const find = async (): Promise<CustomHostname> => {
    const found = await plane.store.hostnames.find(id)
    if (!found) throw new Error('it is gone')
    return found
  }
  return {
    plane,
    record,
    clock,
    days: () => (clock.now() - createdAt) / DAY,
    async until(condition) {
      await waitUntil(
        'the hostname is as wanted',
        async () => {
          for (;;) {
            const found = await find()
            if (condition(found)) return true
            const due = dueAt(found)
            if (plane.lifecycle.running > 0 || due === undefined) return false
            forward += Math.max(0, due - clock.now())
            plane.lifecycle.wake()
            await clock.sleep(1)
          }
        },
        50_000,
      )
      return find()
    },
    async patch() {
      const change = (current: CustomHostname) => editCustomHostname(current, {}, clock.now())
      await plane.store.hostnames.update(id, change)
      await plane.lifecycle.begin(id)
      return find()
    },
  }
}

describe('a hostname that is never proved', { timeout: 60_000 }, () => {
  it('is moved after 7 days, deleted after 7 more, readable still, and revived by PATCH', async () => {
    let looks = 0
    await using stack = new AsyncDisposableStack()
    const weeks = await startWeeks(stack, {
      inspector: aCustomer({
        inspectOwnership: async () => {
          looks++
          return { errors: [PROBLEM] }
        },
        inspectChallenge: async () => ({ isReady: false, problem: PROBLEM }),
      }),
    })
    const moved = await weeks.until(({ ownership }) => ownership.state !== 'pending')
    expect(hostnameStatus(moved)).toBe('moved')
    expect(looks).toBe(MAX_OWNERSHIP_ATTEMPTS + 1)
    expect(weeks.days()).toBeGreaterThan(7)
    expect(weeks.days()).toBeLessThan(7.3)

    const movedFor = weeks.days()
    const deleted = await weeks.until(({ ownership }) => ownership.state === 'deleted')
    expect(weeks.days() - movedFor).toBeCloseTo(7, 1)
    expect(hostnameStatus(deleted)).toBe('deleted')
    expect(sslStatus(deleted, weeks.clock.now())).toBe('deleted')
    expect(deleted.ownership).toMatchObject({ errors: [PROBLEM] })
    expect(dueAt(deleted)).toBeUndefined()

    const revived = await weeks.patch()
    expect(hostnameStatus(revived)).toBe('pending')
    expect(sslStatus(revived, weeks.clock.now())).toMatch(/^(initializing|pending_validation)$/)
  })
})

describe('a certificate that does not come', { timeout: 60_000 }, () => {
  const refuse = (): never => {
    throw new IssuerError('rejected', PROBLEM)
  }
  const invalid = async () => ({ state: 'invalid', problem: PROBLEM, fault: 'name' }) as const

  it.each<[string, Partial<Issuer>]>([
    ['initializing_timed_out', { openOrder: async () => refuse() }],
    ['validation_timed_out', { checkOrder: invalid }],
    ['issuance_timed_out', { finalize: async () => refuse() }],
  ])('is %s after 14 days and a half, and begun anew by PATCH', async (status, ca) => {
    await using stack = new AsyncDisposableStack()
    const weeks = await startWeeks(stack, {
      inspector: aCustomer(),
      issuer: (built) => alteredIssuer(built, ca),
    })
    const isOver = ({ chains }: CustomHostname): boolean =>
      chains.some(({ issuance }) => issuance.state === 'timed_out')
    const over = await weeks.until(isOver)
    expect(sslStatus(over, weeks.clock.now())).toBe(status)
    expect(weeks.days()).toBeGreaterThan(14.4)
    expect(weeks.days()).toBeLessThan(15)
    expect(over.chains.find(({ issuance }) => issuance.state === 'timed_out')).toMatchObject({
      issuance: { problem: PROBLEM },
    })
    expect(sslStatus(await weeks.patch(), weeks.clock.now())).not.toBe(status)
  })

  it('is looked at at once and 120 times more, and the CA never asked to', async () => {
    let looks = 0
    let begun = 0
    await using stack = new AsyncDisposableStack()
    const weeks = await startWeeks(stack, {
      inspector: aCustomer({
        inspectChallenge: async ({ type }) => {
          if (type === 'http-01') looks++
          return { isReady: false, problem: PROBLEM }
        },
      }),
      issuer: (built) =>
        alteredIssuer(built, {
          beginValidation: async () => void begun++,
        }),
    })
    const over = await weeks.until(({ chains }) => chains[0]?.issuance.state === 'timed_out')
    expect(sslStatus(over, weeks.clock.now())).toBe('validation_timed_out')
    expect([looks, begun]).toEqual([1 + MAX_DCV_ATTEMPTS, 0])
    expect(weeks.days()).toBeCloseTo(14.56, 1)
    expect(sslStatus(await weeks.patch(), weeks.clock.now())).toMatch(/^(init|pending_val)/)
  })
})
