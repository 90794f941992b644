import { describe, expect, it } from 'vitest'

import type { Budget, PlannedOrder } from '#control/ca/budget.ts'
import { IssuerError, type Issuer } from '#control/ca/issuer.ts'
import type { Chain } from '#domain/certificate.ts'
import { advance, newIssuance, type Issuance } from '#domain/issuance.ts'
import { fakeIssuer } from '#test/fake-issuer.ts'
import { aCertificate, aHostname, NOON } from '#test/records.ts'
import { aCustomer, eventOf, stepsWith } from '#test/steps.ts'
import { UNLIMITED } from '#test/unlimited-budget.ts'

const MINUTE = 60_000
const fresh = newIssuance(NOON)

function failing(kind: IssuerError['kind'], retryAfterMs?: number): Issuer['openOrder'] {
  const options = retryAfterMs === undefined ? {} : { retryAfterMs }
  return () => Promise.reject(new IssuerError(kind, `${kind} today.`, options))
}

/** CAA records that permit only these identities. */
function permitting(...permitted: string[]): ReturnType<typeof aCustomer> {
  return aCustomer({
    inspectPermission: async ({ caaIdentities }) =>
      caaIdentities.some((identity) => permitted.includes(identity))
        ? { isPermitted: true }
        : { isPermitted: false, reason: 'caa', problem: 'CAA records block issuance.' },
  })
}

function named(name: string, changes: Partial<Issuer> = {}): ReturnType<typeof fakeIssuer> {
  return fakeIssuer(name, { listCaaIdentities: async () => [`${name}.test`], ...changes })
}

describe('an order', () => {
  it('is opened at the first CA, and at no other', async () => {
    const [one, two] = [fakeIssuer('one'), fakeIssuer('two')]
    const outcome = await stepsWith([one, two]).take(fresh)
    expect(eventOf(outcome)).toMatchObject({ type: 'order-opened', order: { ca: 'one' } })
    expect(two.opened).toEqual([])
  })

  it.each(['unavailable', 'rate-limited', 'rejected'] as const)(
    'is opened at the next CA at once where the first is %s',
    async (kind) => {
      const steps = stepsWith([fakeIssuer('one', { openOrder: failing(kind) }), fakeIssuer('two')])
      expect(eventOf(await steps.take(fresh))).toMatchObject({ order: { ca: 'two' } })
    },
  )

  it('waits for a CA that has another order for the name, and asks no other', async () => {
    const two = fakeIssuer('two')
    const given: unknown[] = []
    const budget = { ...UNLIMITED, giveBack: async (order: unknown) => void given.push(order) }
    const steps = stepsWith([fakeIssuer('one', { openOrder: failing('busy') }), two], { budget })
    expect(await steps.advance(fresh)).toMatchObject({ state: 'scheduled', failures: 0 })
    expect(two.opened).toEqual([])
    expect(given).toMatchObject([{ ca: 'one' }])
  })

  it('passes over a CA that did not answer, for half a minute', async () => {
    let asked = 0
    const openOrder: Issuer['openOrder'] = (...args) => {
      asked++
      return failing('unavailable')(...args)
    }
    const steps = stepsWith([fakeIssuer('one', { openOrder }), fakeIssuer('two')])
    await steps.take(fresh)
    await steps.take(fresh)
    expect(asked).toBe(1)
    await steps.clock.advance(30_000)
    await steps.take(fresh)
    expect(asked).toBe(2)
  })

  it('is opened at the CA that the customer’s CAA records permit', async () => {
    const steps = stepsWith([named('one'), named('two')], { inspector: permitting('two.test') })
    expect(eventOf(await steps.take(fresh))).toMatchObject({ order: { ca: 'two' } })
  })

  it('is opened nowhere where CAA permits none, and the error says so', async () => {
    const cas = [named('one'), named('two')]
    const steps = stepsWith(cas, { inspector: permitting() })
    expect(await steps.advance(fresh)).toMatchObject({
      state: 'scheduled',
      failures: 1,
      problem: 'CAA records block issuance.',
      nextAt: NOON + MINUTE,
    })
    expect(cas.flatMap(({ opened }) => opened)).toEqual([])
  })

  it('does not wait for a DNS that is slow: whether it may be validated is looked at later', async () => {
    const inspector = aCustomer({
      inspectPermission: (_, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        ),
    })
    const steps = stepsWith([named('one')], { inspector })
    const taking = steps.take(fresh)
    await steps.clock.advance(1_000)
    expect(eventOf(await taking)).toMatchObject({ type: 'order-opened' })
  })

  it('is only opened at the CA that the caller chose', async () => {
    const google = fakeIssuer('two', { apiName: 'google', openOrder: failing('unavailable') })
    const steps = stepsWith([fakeIssuer('one'), google])
    const { ssl } = aHostname()
    const chosen = ssl && { ssl: { ...ssl, certificateAuthority: 'google' } }
    expect(eventOf(await steps.take(fresh, chosen))).toMatchObject({
      type: 'failed',
      problem: 'unavailable today.',
    })
  })
})

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
    })
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

describe('an order at a CA that goes away', () => {
  const away: Partial<Issuer> = {
    checkOrder: () => Promise.reject(new IssuerError('unavailable', 'The CA is away.')),
  }
  const validating = (steps: ReturnType<typeof stepsWith>): Promise<Issuance> =>
    steps.advance(fresh).then((ordered) => steps.advance(ordered))

  it('goes to another one after a quarter of an hour', async () => {
    const steps = stepsWith([fakeIssuer('one', away), fakeIssuer('two')])
    let issuance = await validating(steps)
    for (let minutes = 0; minutes < 15; minutes++) {
      expect(issuance).toMatchObject({ state: 'validating', order: { ca: 'one' } })
      issuance = await steps.advance(issuance)
      await steps.clock.advance(MINUTE)
    }
    issuance = await steps.advance(issuance)
    expect(issuance).toMatchObject({
      state: 'scheduled',
      avoid: ['one'],
      nextAt: steps.clock.now(),
    })
    expect(await steps.advance(issuance)).toMatchObject({ state: 'ordered', order: { ca: 'two' } })
  })

  it('is asked for ever more rarely', async () => {
    const steps = stepsWith([fakeIssuer('one', away)])
    let issuance = await validating(steps)
    const delays: number[] = []
    for (let hours = 0; hours < 4; hours++) {
      issuance = await steps.advance(issuance)
      delays.push('nextAt' in issuance ? issuance.nextAt - steps.clock.now() : 0)
      await steps.clock.advance(20 * MINUTE)
    }
    expect(delays).toEqual([3_750, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE])
  })

  it('is kept as long as it takes where there is no other', async () => {
    const steps = stepsWith([fakeIssuer('one', away)])
    let issuance = await validating(steps)
    for (let hours = 0; hours < 48; hours++) {
      issuance = await steps.advance(issuance)
      await steps.clock.advance(60 * MINUTE)
    }
    expect(issuance).toMatchObject({ state: 'validating', order: { ca: 'one' }, failures: 0 })
  })

  it('is given up for another CA where the first one says that it is its own fault', async () => {
    const checkOrder: Issuer['checkOrder'] = async () => ({
      state: 'invalid',
      problem: 'internal error',
      fault: 'ca',
    })
    const steps = stepsWith([fakeIssuer('one', { checkOrder }), fakeIssuer('two')])
    expect(await steps.advance(await validating(steps))).toMatchObject({ avoid: ['one'] })
  })

  it('is forgiven its failures when the CA has seen the name proved', async () => {
    const proved: unknown[] = []
    const budget = { ...UNLIMITED, noteValidation: async (one: unknown) => void proved.push(one) }
    const checkOrder: Issuer['checkOrder'] = async () => ({ state: 'ready' })
    const steps = stepsWith([fakeIssuer('one', { checkOrder })], { budget })
    expect(await steps.advance(await validating(steps))).toMatchObject({ state: 'finalizing' })
    expect(proved).toMatchObject([{ ca: 'one', hostname: expect.any(String) }])
  })

  it('counts a failed validation where it was the name’s fault, and stays with the CA', async () => {
    const failed: unknown[] = []
    const budget = {
      ...UNLIMITED,
      noteFailedValidation: async (one: unknown) => void failed.push(one),
    }
    const checkOrder: Issuer['checkOrder'] = async () => ({
      state: 'invalid',
      problem: 'no such name',
      fault: 'name',
    })
    const steps = stepsWith([fakeIssuer('one', { checkOrder }), fakeIssuer('two')], { budget })
    const after = await steps.advance(await validating(steps))
    expect(after).toMatchObject({ state: 'scheduled', problem: 'no such name' })
    expect(after).not.toHaveProperty('avoid')
    expect(failed).toMatchObject([{ ca: 'one' }])
  })

  it('is lost where the settings no longer have its CA', async () => {
    const steps = stepsWith([fakeIssuer('two')])
    const lost = advance(fresh, { type: 'order-opened', order: orderAt('one') }, NOON)
    expect(await steps.advance(lost)).toMatchObject({
      state: 'scheduled',
      failures: 1,
      nextAt: NOON,
    })
  })
})

function orderAt(ca: string): Parameters<Issuer['checkOrder']>[0] {
  return { ca, url: `${ca}/order/1`, challenges: [], expiresAt: NOON + 60 * MINUTE }
}
