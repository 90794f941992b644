import { describe, expect, it } from 'vitest'

import type { Inspector } from '#control/lifecycle/inspector.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import type { ChallengeType, OrderChallenge } from '#domain/order.ts'
import { validationDelayMs } from '#domain/validation.ts'
import { anOrderAt, fakeIssuer } from '#test/fake-issuer.ts'
import { aHostname, NOON } from '#test/records.ts'
import { aCustomer, eventOf, stepsWith } from '#test/steps.ts'

const NAME = 'app.customer.com'
const PERMITTED = { isPermitted: true } as const

function ordered(names: readonly string[] = [NAME]): Issuance {
  const order = anOrderAt('one', names)
  return { state: 'ordered', order, since: NOON, attempts: 0, nextAt: NOON, failures: 0 }
}

function withSsl(change: Partial<NonNullable<CustomHostname['ssl']>>): Partial<CustomHostname> {
  const { ssl } = aHostname()
  return ssl ? { ssl: { ...ssl, ...change } } : {}
}

/** A customer for whom only challenges of these types can be seen. */
function showing(...types: ChallengeType[]): Inspector & { looks: OrderChallenge[] } {
  const looks: OrderChallenge[] = []
  return {
    looks,
    ...aCustomer({
      inspectChallenge: async (challenge) => {
        looks.push(challenge)
        const { type } = challenge
        return types.includes(type) ? { isReady: true } : { isReady: false, problem: `no ${type}` }
      },
    }),
  }
}

describe('proving a name', () => {
  it.each<['http' | 'txt', ChallengeType]>([
    ['http', 'http-01'],
    ['txt', 'dns-01'],
  ])(
    'by method %s begins with %s, and looks at nothing else where that is there',
    async (method, type) => {
      const issuer = fakeIssuer('one')
      const inspector = showing('http-01', 'dns-01', 'tls-alpn-01')
      const outcome = await stepsWith([issuer], { inspector }).take(ordered(), withSsl({ method }))
      expect(eventOf(outcome)).toEqual({ type: 'validation-begun', via: type })
      expect(inspector.looks.map((look) => look.type)).toEqual([type])
      expect(issuer.begun).toMatchObject([[{ type }]])
    },
  )

  it.each<['http' | 'txt', ChallengeType]>([
    ['http', 'dns-01'],
    ['http', 'tls-alpn-01'],
    ['txt', 'http-01'],
    ['txt', 'tls-alpn-01'],
  ])('by method %s takes %s where only that can be seen', async (method, type) => {
    const issuer = fakeIssuer('one')
    const steps = stepsWith([issuer], { inspector: showing(type) })
    const outcome = await steps.take(ordered(), withSsl({ method }))
    expect(eventOf(outcome)).toEqual({ type: 'validation-begun', via: type })
    expect(issuer.begun).toMatchObject([[{ type }]])
  })

  it('never bothers the CA where none can be seen, and names what the customer’s own way lacks', async () => {
    const issuer = fakeIssuer('one')
    const steps = stepsWith([issuer], { inspector: showing() })
    expect(await steps.advance(ordered(), withSsl({ method: 'txt' }))).toMatchObject({
      state: 'ordered',
      attempts: 1,
      problem: 'no dns-01',
      nextAt: NOON + validationDelayMs(0),
    })
    expect(issuer.begun).toEqual([])
  })

  it('of a wildcard proves the name and the wildcard, each', async () => {
    const issuer = fakeIssuer('one')
    const steps = stepsWith([issuer], { inspector: showing('dns-01') })
    const names = [NAME, `*.${NAME}`]
    const outcome = await steps.take(ordered(names), withSsl({ method: 'txt', wildcard: true }))
    expect(eventOf(outcome)).toMatchObject({ type: 'validation-begun' })
    expect(issuer.begun).toMatchObject([
      [
        { type: 'dns-01', token: `dns-01-of-${NAME}` },
        { type: 'dns-01', token: `dns-01-of-*.${NAME}`, wildcard: true },
      ],
    ])
  })

  it('waits for both TXT records of a wildcard', async () => {
    const issuer = fakeIssuer('one')
    const inspector = aCustomer({
      inspectChallenge: async ({ wildcard }) =>
        wildcard ? { isReady: false, problem: 'the second is missing' } : { isReady: true },
    })
    const steps = stepsWith([issuer], { inspector })
    const after = await steps.advance(ordered([NAME, `*.${NAME}`]), withSsl({ wildcard: true }))
    expect(after).toMatchObject({ state: 'ordered', problem: 'the second is missing' })
    expect(issuer.begun).toEqual([])
  })

  it('gives a look that hangs its time, and tries the other ways then', async () => {
    const inspector = aCustomer({
      inspectChallenge: ({ type }, signal) =>
        type === 'dns-01'
          ? Promise.resolve({ isReady: true })
          : new Promise((_, reject) =>
              signal.addEventListener('abort', () => reject(signal.reason)),
            ),
    })
    const steps = stepsWith([fakeIssuer('one')], { inspector })
    const taking = steps.take(ordered())
    await steps.clock.advance(6_000)
    await steps.clock.advance(6_000)
    expect(eventOf(await taking)).toMatchObject({ via: 'dns-01' })
  })

  it('ends in time, and is counted, however slowly each thing that is looked at answers', async () => {
    const hang = <Value>(signal: AbortSignal): Promise<Value> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const inspector = aCustomer({
      inspectPermission: (_, signal) =>
        Promise.race([steps.clock.sleep(8_000).then(() => PERMITTED), hang<never>(signal)]),
      inspectChallenge: (_, signal) => hang(signal),
    })
    const steps = stepsWith([fakeIssuer('one')], { inspector })
    const names = [NAME, `*.${NAME}`]
    const taking = steps.take(ordered(names), withSsl({ wildcard: true }))
    await steps.clock.advance(10_000)
    const problem = `${NAME} did not answer in time.`
    expect(eventOf(await taking)).toEqual({ type: 'not-ready', problem })
  })

  it.each<['caa' | 'dns']>([['caa'], ['dns']])(
    'does not begin where a CA would refuse for %s',
    async (reason) => {
      const issuer = fakeIssuer('one', { listCaaIdentities: async () => ['one.test'] })
      const problem = 'CAA records block issuance.'
      const inspector = aCustomer({
        inspectPermission: async () => ({ isPermitted: false, reason, problem }),
      })
      const steps = stepsWith([issuer], { inspector })
      expect(await steps.advance(ordered())).toMatchObject({ state: 'ordered', problem })
      expect(issuer.begun).toEqual([])
    },
  )

  it('asks the customer’s DNS about our account, and the challenge that is to be used', async () => {
    const asked: unknown[] = []
    const inspector: Inspector = {
      ...showing('dns-01'),
      inspectPermission: async (question) => {
        asked.push(question)
        return { isPermitted: true }
      },
    }
    const issuer = fakeIssuer('one', {
      listCaaIdentities: async () => ['one.test'],
      findAccountUri: async () => 'https://one.test/account/1',
    })
    await stepsWith([issuer], { inspector }).take(ordered())
    expect(asked).toMatchObject([
      {
        caaIdentities: ['one.test'],
        accountUri: 'https://one.test/account/1',
        methods: ['dns-01'],
      },
    ])
  })

  it('leaves the CA that CAA came to forbid, where there is another', async () => {
    const caaIdentities = async (): Promise<string[]> => ['one.test']
    const inspector = aCustomer({
      inspectPermission: async () => ({ isPermitted: false, reason: 'caa', problem: 'forbidden' }),
    })
    const one = fakeIssuer('one', { listCaaIdentities: caaIdentities })
    const steps = stepsWith([one, fakeIssuer('two')], { inspector })
    expect(await steps.advance(ordered())).toMatchObject({
      state: 'scheduled',
      avoid: ['one'],
      problem: 'forbidden',
    })
  })
})
