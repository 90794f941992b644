import { describe, expect, it } from 'vitest'

import { IssuerError, type Issuer } from '#control/ca/issuer.ts'
import { newIssuance, type Issuance } from '#domain/issuance.ts'
import { advance } from '#domain/advance-issuance.ts'
import { anOrderAt, fakeIssuer } from '#test/fake-issuer.ts'
import { aHostname, NOON, withIssuance } from '#test/records.ts'
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
    expect(await steps.advance(fresh)).toMatchObject({
      state: 'scheduled',
      failures: 0,
      afterSibling: true,
    })
    expect(two.opened).toEqual([])
    expect(given).toMatchObject([{ ca: 'one' }])
  })

  it('tells the CA which order the other chain has', async () => {
    const one = fakeIssuer('one')
    const order = anOrderAt('one')
    const opened = { order, since: NOON, attempts: 0, nextAt: NOON, failures: 0 }
    const { chains } = withIssuance(aHostname(), 'rsa', { state: 'ordered', ...opened })
    await stepsWith([one]).take(fresh, { chains })
    await stepsWith([one]).take(fresh)
    expect(one.opened.map(({ siblingOrder }) => siblingOrder)).toEqual([order.url, undefined])
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

  it('says once what all CAs say, and of each what it alone says', async () => {
    const blocked = 'CAA records block issuance. Please remove them.'
    const inspector = aCustomer({
      inspectPermission: async ({ caaIdentities: [identity] }) => ({
        isPermitted: false,
        reason: 'caa',
        problem: `${blocked} Add ${identity}.`,
      }),
    })
    const steps = stepsWith([named('one'), named('two')], { inspector })
    expect(await steps.advance(fresh)).toMatchObject({
      problem: `${blocked} Add one.test. Add two.test.`,
    })
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
