import { X509Certificate } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { LocalIssuer } from '#control/ca/local/local-issuer.ts'
import type { ChallengeFinding } from '#control/lifecycle/inspector.ts'
import type { ChallengeType, Order, OrderChallenge } from '#domain/order.ts'
import type { FakeClock } from '#test/fake-clock.ts'
import { APP, makeCsr, openOrder, startTestCa, type TestCa } from '#test/test-ca.ts'

const never = new AbortController().signal
const NAMES = [APP, `*.${APP}`]
let ca: TestCa

beforeAll(async () => {
  ca = await startTestCa()
})

afterAll(() => ca[Symbol.asyncDispose]())

interface Customer {
  issuer: LocalIssuer
  clock: FakeClock
  /** Challenges that the CA looked at. */
  looks: OrderChallenge[]
  /** What the customer has set up: addresses of challenges. */
  answers: Set<string>
}

async function start(): Promise<Customer> {
  const looks: OrderChallenge[] = []
  const answers = new Set<string>()
  const inspectChallenge = async (challenge: OrderChallenge): Promise<ChallengeFinding> => {
    looks.push(challenge)
    if (answers.has(challenge.url)) return { isReady: true }
    return { isReady: false, problem: `No answer to ${challenge.type}.` }
  }
  return { looks, answers, ...(await ca.start({ inspectChallenge })) }
}

function openWildcard(issuer: LocalIssuer): Promise<Order> {
  return issuer.openOrder({ hostname: APP, wildcard: true, keyAlgorithm: 'ecdsa' }, never)
}

function challengesOf({ challenges }: Order, type: ChallengeType): OrderChallenge[] {
  return challenges.filter((challenge) => challenge.type === type)
}

/** The customer answers these, and the CA is told to look at them. */
async function prove(
  { issuer, answers }: Customer,
  order: Order,
  challenges: readonly OrderChallenge[],
): Promise<void> {
  for (const { url } of challenges) answers.add(url)
  await issuer.beginValidation(order, challenges, never)
  expect(await issuer.checkOrder(order, never)).toEqual({ state: 'ready' })
}

describe('a name at the built-in CA', () => {
  it.each(['http-01', 'dns-01', 'tls-alpn-01'] as const)('is proved by %s', async (type) => {
    const customer = await start()
    const order = await openOrder(customer.issuer)
    const challenges = challengesOf(order, type)
    expect(challenges).toHaveLength(1)
    await prove(customer, order, challenges)
    expect(customer.looks).toEqual(challenges)
  })

  it('is looked at in the way that was chosen first, whatever is chosen after a crash', async () => {
    const customer = await start()
    const order = await openOrder(customer.issuer)
    await prove(customer, order, challengesOf(order, 'dns-01'))
    await customer.issuer.beginValidation(order, challengesOf(order, 'http-01'), never)
    expect(await customer.issuer.checkOrder(order, never)).toEqual({ state: 'ready' })
    expect(customer.looks.map(({ type }) => type)).toEqual(['dns-01'])
  })

  it('is looked at in every way after a restart, until one is right', async () => {
    const before = await start()
    const order = await openOrder(before.issuer)
    const after = await start()
    for (const { url } of challengesOf(order, 'dns-01')) after.answers.add(url)
    expect(await after.issuer.checkOrder(order, never)).toEqual({ state: 'ready' })
    expect(after.looks.map(({ type }) => type)).toEqual(['http-01', 'dns-01'])
  })
})

describe('a wildcard at the built-in CA', () => {
  it('is proved beside its name, by DNS only, and both are in the certificate', async () => {
    const customer = await start()
    const { issuer } = customer
    const order = await openWildcard(issuer)
    const wildcards = order.challenges.filter(({ wildcard }) => wildcard)
    expect(wildcards).toMatchObject([{ type: 'dns-01', identifier: APP }])
    const [ofName, ofWildcard] = challengesOf(order, 'dns-01')
    expect(ofName?.token).not.toBe(ofWildcard?.token)

    await prove(customer, order, [...challengesOf(order, 'http-01'), ...wildcards])
    const { csr } = await makeCsr('ecdsa', NAMES)
    const progress = await issuer.finalize(order, csr, never)
    if (progress.state !== 'valid') throw new Error(progress.state)
    const { subject, subjectAltName } = new X509Certificate(progress.chain.leaf)
    expect(subject).toBe(`CN=${APP}`)
    expect(subjectAltName).toBe(`DNS:${APP}, DNS:*.${APP}`)
  })

  it('is not proved by what proves the name', async () => {
    const customer = await start()
    const { issuer, answers } = customer
    const order = await openWildcard(issuer)
    for (const { url, wildcard } of order.challenges) if (!wildcard) answers.add(url)
    await issuer.beginValidation(order, order.challenges, never)
    const invalid = { state: 'invalid', problem: 'No answer to dns-01.', fault: 'name' }
    expect(await issuer.checkOrder(order, never)).toEqual(invalid)
    const { csr } = await makeCsr('ecdsa', NAMES)
    await expect(issuer.finalize(order, csr, never)).rejects.toMatchObject({ kind: 'rejected' })
  })

  it('needs its own proof where only the name was proved lately, and all of it again', async () => {
    const customer = await start()
    const { issuer, clock } = customer
    const plain = await openOrder(issuer)
    await prove(customer, plain, challengesOf(plain, 'http-01'))
    const order = await openWildcard(issuer)
    expect(order.challenges).toHaveLength(4)
    // Not only until the name's proof is forgotten: the customer has yet to set something up.
    expect(order.expiresAt).toBe(clock.now() + 7 * 86_400_000)
  })

  it('needs no proof where both were proved lately', async () => {
    const customer = await start()
    const { issuer, clock } = customer
    const first = await openWildcard(issuer)
    await prove(customer, first, challengesOf(first, 'dns-01'))
    const second = await openWildcard(issuer)
    expect(second).toMatchObject({ challenges: [], expiresAt: clock.now() + 3_600_000 })
    expect(await issuer.checkOrder(second, never)).toEqual({ state: 'ready' })
    const { csr } = await makeCsr('ecdsa', NAMES)
    expect(await issuer.finalize(second, csr, never)).toMatchObject({ state: 'valid' })
    expect((await openOrder(issuer)).challenges).toEqual([])
  })

  it.each([
    ['the name alone', [APP]],
    ['the wildcard alone', [`*.${APP}`]],
    ['another wildcard', [APP, '*.other.localhost']],
    ['more', [APP, `*.${APP}`, `www.${APP}`]],
  ])('is not signed for %s', async (_, names) => {
    const customer = await start()
    const order = await openWildcard(customer.issuer)
    await prove(customer, order, challengesOf(order, 'dns-01'))
    const { csr } = await makeCsr('ecdsa', names)
    await expect(customer.issuer.finalize(order, csr, never)).rejects.toMatchObject({
      kind: 'rejected',
      message: `The CSR is not for exactly ${APP} and *.${APP}.`,
    })
  })

  it('is not signed while one of both is still looked at', async () => {
    const looking = Promise.withResolvers<ChallengeFinding>()
    const inspectChallenge = async ({ wildcard }: OrderChallenge): Promise<ChallengeFinding> =>
      wildcard ? looking.promise : { isReady: true }
    const { issuer } = await ca.start({ inspectChallenge })
    const order = await openWildcard(issuer)
    await issuer.beginValidation(order, order.challenges, never)
    const { csr } = await makeCsr('ecdsa', NAMES)
    expect(await issuer.finalize(order, csr, never)).toMatchObject({ state: 'processing' })
    looking.resolve({ isReady: true })
    expect(await issuer.checkOrder(order, never)).toEqual({ state: 'ready' })
  })
})
