import { describe, expect, it } from 'vitest'

import type { Budget, PlannedOrder } from '#control/ca/budget.ts'
import { IssuerError, type Issuer } from '#control/ca/issuer.ts'
import type { Chain } from '#domain/certificate.ts'
import { newIssuance } from '#domain/issuance.ts'
import { fakeIssuer } from '#test/fake-issuer.ts'
import { aCertificate, aHostname, NOON } from '#test/records.ts'
import { eventOf, stepsWith } from '#test/steps.ts'
import { UNLIMITED } from '#test/unlimited-budget.ts'

const MINUTE = 60_000
const fresh = newIssuance(NOON)

function failing(kind: IssuerError['kind'], retryAfterMs?: number): Issuer['openOrder'] {
  const options = retryAfterMs === undefined ? {} : { retryAfterMs }
  return () => Promise.reject(new IssuerError(kind, `${kind} today.`, options))
}

describe('a budget that is used up', () => {
  it.each(['unavailable', 'rate-limited', 'rejected'] as const)(
    'has back what was for an order that a CA that is %s never opened',
    async (kind) => {
      const given: unknown[] = []
      const budget = {
        ...limiting('none'),
        giveBack: async (order: unknown) => void given.push(order),
      }
      const one = fakeIssuer('one', { openOrder: failing(kind) })
      await stepsWith([one], { budget }).take(fresh)
      expect([budget.asked.length, given.length]).toEqual([1, 1])
      const [{ ca, names, exemption } = expect.fail()] = budget.asked
      expect(given).toEqual([{ ca, names, exemption, takenAt: NOON }])
    },
  )

  const until = NOON + 40 * MINUTE
  const sentence = 'The limit of one is used up until 00:40.'
  const limit = 'orders_per_account'
  const refused = { granted: false, until, askAgainAt: until, limit, sentence } as const
  function limiting(ca: string): Budget & { asked: PlannedOrder[]; limited: unknown[] } {
    const asked: PlannedOrder[] = []
    const limited: unknown[] = []
    return {
      ...UNLIMITED,
      asked,
      limited,
      take: async (order) => {
        asked.push(order)
        return order.ca === ca ? refused : { granted: true }
      },
      noteLimited: async (note) => {
        limited.push(note)
        return NOON + (note.retryAfterMs ?? MINUTE)
      },
    }
  }

  it('sends the name to another CA', async () => {
    const one = fakeIssuer('one')
    const steps = stepsWith([one, fakeIssuer('two')], { budget: limiting('one') })
    expect(eventOf(await steps.take(fresh))).toMatchObject({ order: { ca: 'two' } })
    expect(one.opened).toEqual([])
  })

  it('defers it where there is no other, says until when, and is no failure', async () => {
    const steps = stepsWith([fakeIssuer('one')], { budget: limiting('one') })
    expect(await steps.advance(fresh)).toEqual({
      state: 'scheduled',
      nextAt: until,
      failures: 0,
      problem: sentence,
      awaitsProof: true,
    })
    const ownership = { state: 'verified', at: NOON, by: 'cname', serial: 1 } as const
    expect(await steps.advance(fresh, { ownership })).not.toHaveProperty('awaitsProof')
  })

  it('lets a name past that is delegated to us, and looks for that only where orders are scarce', async () => {
    const asked: boolean[] = []
    const take: Budget['take'] = async ({ isReady }) => {
      asked.push(isReady)
      return isReady ? { granted: true } : refused
    }
    let looks = 0
    const isDelegated = async (): Promise<boolean> => ++looks > 1
    const steps = stepsWith([fakeIssuer('one')], { budget: { ...UNLIMITED, take }, isDelegated })
    expect(await steps.advance(fresh)).toMatchObject({ state: 'scheduled', nextAt: until })
    expect(await steps.advance(fresh)).toMatchObject({ state: 'ordered' })
    expect(asked).toEqual([false, false, true])
    const owned = { state: 'verified', at: NOON, by: 'cname', serial: 1 } as const
    await steps.advance(fresh, { ownership: owned })
    await stepsWith([fakeIssuer('one')], { isDelegated }).advance(fresh)
    expect(looks).toBe(2)
  })

  it('does not wait long for a DNS that is slow to say whether it is delegated', async () => {
    const isDelegated = (_: unknown, signal: AbortSignal): Promise<boolean> =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      )
    const steps = stepsWith([fakeIssuer('one')], { budget: limiting('one'), isDelegated })
    const taking = steps.take(fresh)
    await steps.clock.advance(3_000)
    expect(eventOf(await taking)).toMatchObject({ type: 'deferred', problem: sentence })
  })

  it('knows what goes first, and what the CA itself asked for', async () => {
    const budget = limiting('none')
    const record = aHostname()
    const certificate = { ...aCertificate(record, 'ecdsa'), ca: 'one' }
    const steps = stepsWith([fakeIssuer('one', { hasRenewalInfo: true })], {
      budget,
      findCertificate: async () => certificate,
    })
    const served = {
      chains: record.chains.map((chain) => ({ ...chain, certificate })),
    }
    await steps.take(fresh)
    await steps.take({ state: 'scheduled', nextAt: NOON, failures: 1 })
    await steps.take(fresh, served)
    expect(budget.asked).toMatchObject([
      { priority: 'new', exemption: 'none' },
      { priority: 'retry', exemption: 'none' },
      { priority: 'expiring', exemption: 'ari' },
    ])
  })

  it('counts a renewal as one like any other where the CA does not believe what it replaces', async () => {
    const budget = limiting('none')
    const given: unknown[] = []
    const record = aHostname()
    const certificate = { ...aCertificate(record, 'ecdsa'), ca: 'one', hosts: [record.hostname] }
    const asked: (Chain | undefined)[] = []
    const openOrder: Issuer['openOrder'] = async ({ replaces }) => {
      asked.push(replaces)
      if (replaces) throw new IssuerError('not-replaceable', 'replaced already')
      return orderAt('one')
    }
    const steps = stepsWith([fakeIssuer('one', { hasRenewalInfo: true, openOrder })], {
      budget: { ...budget, giveBack: async (order) => void given.push(order) },
      findCertificate: async () => certificate,
    })
    const chains = record.chains.map((chain) => ({ ...chain, certificate }))
    const { hostname } = record
    const opened = await steps.take(fresh, { hostname, chains })
    expect(budget.asked.map(({ exemption }) => exemption)).toEqual(['ari', 'renewal'])
    expect(asked).toEqual([certificate.chain, undefined])
    expect(given).toMatchObject([{ exemption: 'ari' }])
    expect(eventOf(opened)).toMatchObject({ order: { taken: { exemption: 'renewal', at: NOON } } })
    // What there is no room for is not asked for.
    const full: Budget['take'] = async ({ exemption }) =>
      exemption === 'ari' ? { granted: true } : refused
    const waiting = stepsWith([fakeIssuer('one', { hasRenewalInfo: true, openOrder })], {
      budget: { ...UNLIMITED, take: full },
      findCertificate: async () => certificate,
    })
    expect(await waiting.advance(fresh, { hostname, chains })).toMatchObject({ nextAt: until })
    expect(asked).toHaveLength(3)
  })

  it('counts the second chain of the same names as a renewal', async () => {
    const budget = limiting('none')
    const record = aHostname()
    const certificate = { ...aCertificate(record, 'rsa'), ca: 'one', hosts: [record.hostname] }
    const steps = stepsWith([fakeIssuer('one')], {
      budget,
      findCertificate: async () => certificate,
    })
    const chains = record.chains.map((chain) =>
      chain.keyAlgorithm === 'rsa' ? { ...chain, certificate } : chain,
    )
    await steps.take(fresh, { hostname: record.hostname, chains })
    const { ssl } = record
    await steps.take(fresh, { ...record, chains, ssl: ssl && { ...ssl, wildcard: true } })
    certificate.ca = 'two'
    await steps.take(fresh, { hostname: record.hostname, chains })
    // Of other names, or of another CA, it is none.
    const exemptions = budget.asked.map(({ exemption }) => exemption)
    expect(exemptions).toEqual(['renewal', 'none', 'none'])
  })

  it('learns from a CA that says it is', async () => {
    const budget = limiting('none')
    const openOrder = failing('rate-limited', 7 * MINUTE)
    const steps = stepsWith([fakeIssuer('one', { openOrder })], { budget })
    expect(eventOf(await steps.take(fresh))).toMatchObject({
      type: 'deferred',
      problem: 'rate-limited today. (next try at 2026-11-23 00:07:00 UTC)',
      retryAt: NOON + 7 * MINUTE,
    })
    expect(budget.limited).toMatchObject([{ ca: 'one', retryAfterMs: 7 * MINUTE }])
  })

  it('keeps a name from the CA that failed too often', async () => {
    const one = fakeIssuer('one')
    const budget = { ...UNLIMITED, mayValidate: limiting('one').take as Budget['mayValidate'] }
    const steps = stepsWith([one], { budget })
    const ordered = await steps.advance(fresh)
    expect(await steps.advance(ordered)).toMatchObject({
      state: 'ordered',
      problem: sentence,
      nextAt: until,
      attempts: 0,
    })
    expect(one.begun).toEqual([])
  })
})

function orderAt(ca: string): Parameters<Issuer['checkOrder']>[0] {
  return { ca, url: `${ca}/order/1`, challenges: [], expiresAt: NOON + 60 * MINUTE }
}
