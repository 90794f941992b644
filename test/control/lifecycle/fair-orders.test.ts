import { describe, expect, it } from 'vitest'

import { createLedger } from '#control/ca/ledger.ts'
import type { Budget } from '#control/ca/budget.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import { UNLIMITED as NO_LIMITS, withOverrides } from '#domain/ca-limits.ts'
import { chainOf, type CustomHostname } from '#domain/custom-hostname.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import type { Clock } from '#lib/clock.ts'
import { systemClock } from '#lib/clock.ts'
import { Metrics } from '#lib/metrics.ts'
import type { Store } from '#store/store.ts'
import { startControlPlane } from '#test/control-plane.ts'
import { aHostname } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'

/** Of a CA that allows this account 20 orders in three hours, second chains not counted. */
function fewOrders(store: Store, clock: Clock): Budget {
  const orders_per_account = { count: 20, windowMs: 3 * 3_600_000 }
  const exempt = { renewal: ['orders_per_account'], ari: [] } as const
  const limits = withOverrides({ ...NO_LIMITS, exempt }, { orders_per_account })
  return createLedger({ store, clock, metrics: new Metrics(), cas: [], limitsOf: () => limits })
}

/** Names of which only these lead here. */
function leadingHere(names: Set<Hostname>): Inspector {
  const problem = 'leads elsewhere'
  return aCustomer({
    inspectOwnership: async ({ hostname }) =>
      names.has(hostname) ? { provedBy: 'cname' } : { errors: [problem] },
    inspectChallenge: async ({ identifier }) => {
      const isReady = [...names].some((name) => name === identifier)
      return isReady ? { isReady } : { isReady: false, problem }
    },
  })
}

function isActive(record: CustomHostname): boolean {
  return hostnameStatus(record) === 'active' && sslStatus(record, systemClock.now()) === 'active'
}

const isLookedAt = ({ ownership }: CustomHostname): boolean =>
  ownership.state === 'pending' && ownership.attempts > 0

describe('a flood of names that do not lead here', () => {
  it('holds up nobody whose name does', async () => {
    const ready = new Set<Hostname>()
    const inspector = leadingHere(ready)
    await using plane = await startControlPlane({ inspector, budget: fewOrders })
    const create = async (hostname: Hostname): Promise<CustomHostname> => {
      const record = aHostname({ hostname }, systemClock.now())
      await plane.create(record)
      return record
    }
    const bogus: CustomHostname[] = []
    for (let n = 0; n < 24; n++) bogus.push(await create(parseHostname(`bogus${n}.customer.com`)))
    const last = await create(parseHostname('bogus24.customer.com'))
    bogus.push(last)
    const states = new Map<string, number>()
    for (const { id } of bogus) {
      const { chains } = await plane.until(id, isLookedAt)
      const state = chains[0]?.issuance.state ?? ''
      states.set(state, (states.get(state) ?? 0) + 1)
    }
    // While there is plenty, and one of the zone's own.
    expect(Object.fromEntries(states)).toEqual({ ordered: 9, scheduled: 16 })

    const honest = parseHostname('app.honest.com')
    ready.add(honest)
    const { id } = await create(honest)
    await plane.until(id, isActive)

    const waiting = await plane.until(last.id, isLookedAt)
    expect(chainOf(waiting, 'ecdsa')?.issuance).toMatchObject({
      state: 'scheduled',
      failures: 0,
      problem: expect.stringMatching(
        /^The CA's limit of 20 new orders in 3 hours is nearly used up, .* this one gets its order once it does or its ownership is proved, else at /,
      ),
    })
    // Its customer sets it up, and somebody asks to look again.
    ready.add(last.hostname)
    await plane.store.hostnames.update(last.id, (current) => ({
      record: { ...current, ownership: { ...current.ownership, nextAt: systemClock.now() } },
    }))
    plane.lifecycle.wake()
    await plane.until(last.id, isActive)
  }, 30_000)
})
