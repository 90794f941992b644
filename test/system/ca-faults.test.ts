import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { errorsOf, startAcmeScene, type AcmeScene } from '#test/acme-scene.ts'
import { CNAME_TARGET } from '#test/dns-world.ts'
import { answering, handingOut, hanging, problem, type FaultyCa } from '#test/faulty-ca.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'

/** The only CA does what it should not: each time the API says what, and all goes on once it is mended. */
let scene: AcmeScene
let layer: FaultyCa
let foreign: string

const NAMES = Array.from({ length: 16 }, (_, index) => `n${index}`)
let taken = 0
const nextName = (): string => `${NAMES[taken++]}.shop.test`

beforeAll(async () => {
  const lead = NAMES.map((name) => `${name} CNAME ${CNAME_TARGET}.`)
  scene = await startAcmeScene({ zones: { 'shop.test': lead.join('\n') } })
  layer = scene.ca.layer
  const { ecdsa } = await makeDevCertificates(['www.else.test'])
  foreign = ecdsa.certPem
})
afterEach(() => layer.mend())
afterAll(() => scene?.[Symbol.asyncDispose]())

const FOR_ANOTHER_KEY = /The chain that the CA sent cannot be used: the leaf is for another key\./

type Faults = (layer: FaultyCa) => void

const FAULTS: [string, Faults, RegExp][] = [
  ['another name’s chain', (ca) => (ca.rewrite = handingOut(foreign)), FOR_ANOTHER_KEY],
  [
    'a chain that is none',
    (ca) => (ca.rewrite = handingOut('-----BEGIN NOTHING-----')),
    /The CA sent a chain of 0 certificates\./,
  ],
  ['the ECDSA chain for both', (ca) => (ca.rewrite = alwaysTheFirst()), FOR_ANOTHER_KEY],
  [
    '500 in place of the chain',
    (ca) => (ca.fault = answering('/certZ/', { status: 500 })),
    /The CA answered 500\./,
  ],
  [
    'silence in place of the chain',
    (ca) => (ca.fault = hanging('/certZ/')),
    /no whole answer within 10 s/,
  ],
  [
    'garbage in place of an order',
    (ca) => (ca.fault = answering('/order-plz', { status: 201, body: '<html>' })),
    /The CA answered 201 without an order that can be read\./,
  ],
  [
    'the word that our account is deactivated',
    (ca) => {
      const body = problem('unauthorized', 'Account is not valid, has status "deactivated"')
      ca.fault = answering('/order-plz', { status: 403, body })
    },
    /Account is not valid, has status "deactivated"/,
  ],
  [
    'a refusal of our CSR',
    (ca) => {
      const body = problem('badCSR', 'The key is too ordinary')
      ca.fault = answering('/finalize-order/', { status: 400, body })
    },
    /The key is too ordinary/,
  ],
]

/** Hands out the first chain that is fetched for all that follow. */
function alwaysTheFirst(): (path: string, body: Buffer) => Buffer {
  let first: Buffer | undefined
  return (path, body) => (path.startsWith('/certZ/') ? (first ??= body) : body)
}

describe('a CA that answers with', () => {
  it.each(FAULTS)('%s', async (_, fail, sentence) => {
    fail(layer)
    const hostname = nextName()
    const { id } = await scene.create(hostname)
    const shown = await scene.until(id, (one) => sentence.test(errorsOf(one)))
    expect(shown.ssl?.status).not.toBe('active')
    layer.mend()
    await scene.retry(id)
    const active = await scene.untilActive(id)
    expect(active.ssl).not.toHaveProperty('validation_errors')
    for (const only of ['ecdsa', 'rsa'] as const) {
      const visit = await scene.visit(hostname, { only })
      expect(visit).toMatchObject({ verified: true, keyAlgorithm: only })
    }
  })

  it('429 is left alone for as long as it said, and the API shows until when', async () => {
    const body = problem('rateLimited', 'too many new orders')
    layer.fault = answering('/order-plz', { status: 429, headers: { 'retry-after': '500' }, body })
    const { id } = await scene.create(nextName())
    const shown = await scene.until(id, (one) => errorsOf(one) !== '')
    expect(errorsOf(shown)).toMatch(/^too many new orders \(next try at 20\S+ \S+ UTC\)$/)

    layer.mend()
    const from = layer.posted.length
    await scene.retry(id)
    const sentence = /localhost asks us to wait; the next order is possible at 20\S+ \S+ UTC\./
    await scene.until(id, (one) => sentence.test(errorsOf(one)))
    const { id: other } = await scene.create(nextName())
    await scene.until(other, (one) => sentence.test(errorsOf(one)))
    expect(layer.posted.slice(from)).toEqual([])

    scene.forward(510_000)
    await scene.untilActive(id)
    await scene.untilActive(other)
  })

  it('no memory of our account is asked for it by its key, and all goes on', async () => {
    const body = problem('accountDoesNotExist', 'Account not found')
    const from = layer.posted.length
    layer.fault = (incoming, outgoing, posted) =>
      posted?.kid !== undefined &&
      !layer.posted.slice(from).some(({ path }) => path === '/sign-me-up') &&
      answering('/order-plz', { status: 400, body })(incoming, outgoing, posted)
    const { id } = await scene.create(nextName())
    await scene.untilActive(id)
    const asked = layer.posted.slice(from).find(({ path }) => path === '/sign-me-up')
    expect(asked).toMatchObject({ kid: undefined, payload: { onlyReturnExisting: true } })
  })
})
