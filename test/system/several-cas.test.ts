import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import {
  API_NAMES,
  errorsOf,
  startAcmeScene,
  type AcmeScene,
  type SceneCa,
} from '#test/acme-scene.ts'
import { CNAME_TARGET } from '#test/dns-world.ts'
import { answering, hanging, type FaultyCa } from '#test/faulty-ca.ts'

/** Two CAs in order, either of which may be away; customers' CAA records that choose between them. */
let scene: AcmeScene
let first: SceneCa
let second: SceneCa

/** As long as a CA that did not answer is passed over, and more. */
const UNTIL_FORGIVEN_MS = 60_000

beforeAll(async () => {
  const lead = (...names: string[]): string =>
    names.map((name) => `${name} CNAME ${CNAME_TARGET}.`).join('\n')
  const zones = {
    'shop.test': lead('one', 'two', 'three', 'four', 'five'),
    'caa.test': `@ CAA 0 issue "ca1.test"\n${lead('www')}`,
    'never.test': `@ CAA 0 issue "other.test"\n${lead('www')}`,
  }
  scene = await startAcmeScene({ zones, cas: 2 })
  const [one, two] = scene.cas
  if (!one || !two) throw new Error('two CAs were asked for')
  first = one
  second = two
})
afterEach(() => {
  for (const { layer } of scene.cas) layer.mend()
  scene.forward(UNTIL_FORGIVEN_MS)
})
afterAll(() => scene?.[Symbol.asyncDispose]())

const ordersAt = ({ layer }: { layer: FaultyCa }): number =>
  layer.posted.filter(({ path }) => path === '/order-plz').length

const [FIRST, SECOND] = [0, 1]

/** Which CA signed the ECDSA chain that is served and which the RSA chain; -1: none of them. */
function listSigners(hostname: string): Promise<number[]> {
  const chains = ['ecdsa', 'rsa'] as const
  return Promise.all(
    chains.map(async (only) => {
      const visits = await Promise.all(scene.cas.map((ca) => scene.visit(hostname, { only, ca })))
      return visits.findIndex(({ verified, keyAlgorithm }) => verified && keyAlgorithm === only)
    }),
  )
}

describe('a hostname with two CAs', () => {
  it('is served by the first where nothing is wrong', async () => {
    const { id } = await scene.create('one.shop.test')
    await scene.untilActive(id)
    expect(await listSigners('one.shop.test')).toEqual([FIRST, FIRST])
    expect(ordersAt(second)).toBe(0)
  })

  it('is served by the second while the first fails', async () => {
    first.layer.fault = answering('/', { status: 500 })
    const { id } = await scene.create('two.shop.test')
    await scene.untilActive(id)
    expect(await listSigners('two.shop.test')).toEqual([SECOND, SECOND])
  })

  it('is served by the second while the first never answers', async () => {
    first.layer.fault = hanging('/')
    const { id } = await scene.create('three.shop.test')
    await scene.untilActive(id)
    expect(await listSigners('three.shop.test')).toEqual([SECOND, SECOND])
  })

  it('is served by the one that certificate_authority names', async () => {
    const before = ordersAt(first)
    const { id } = await scene.create('four.shop.test', { certificate_authority: API_NAMES[1] })
    await scene.untilActive(id)
    expect(await listSigners('four.shop.test')).toEqual([SECOND, SECOND])
    expect(ordersAt(first)).toBe(before)
  })

  it('goes to the other one when certificate_authority is edited', async () => {
    const { id } = await scene.create('five.shop.test', { certificate_authority: API_NAMES[1] })
    await scene.untilActive(id)
    await scene.retry(id, { certificate_authority: API_NAMES[0] })
    expect(await scene.untilActive(id)).not.toHaveProperty('ssl.validation_errors')
    expect(await listSigners('five.shop.test')).toEqual([FIRST, FIRST])
  })
})

describe('CAA records of the customer', () => {
  it('choose the CA that they permit', async () => {
    const before = ordersAt(first)
    const { id } = await scene.create('www.caa.test')
    await scene.untilActive(id)
    expect(await listSigners('www.caa.test')).toEqual([SECOND, SECOND])
    expect(ordersAt(first)).toBe(before)
  })

  it('that permit none are told of, and no CA is asked, until they are mended', async () => {
    const before = scene.cas.map(ordersAt)
    const { id } = await scene.create('www.never.test')
    const shown = await scene.until(id, (hostname) => errorsOf(hostname) !== '')
    expect(errorsOf(shown)).toContain(
      'CAA records block issuance. Please remove all CAA records or add records for this authority. The CAA records at never.test permit only other.test: add never.test CAA 0 issue "ca0.test".',
    )
    expect(scene.cas.map(ordersAt)).toEqual(before)

    const records = `www CNAME ${CNAME_TARGET}.\n@ CAA 0 issue "other.test"`
    await scene.dns.setZone('never.test', `${records}\n@ CAA 0 issue "ca0.test"`)
    await scene.retry(id)
    await scene.untilActive(id)
    expect(await listSigners('www.never.test')).toEqual([FIRST, FIRST])
  })
})

it('goes on with the second when the first is gone for good', async () => {
  await scene.dns.setZone('caa.test', `late CNAME ${CNAME_TARGET}.`)
  await first.pebble.close()
  const { id } = await scene.create('late.caa.test')
  await scene.untilActive(id)
  expect(await listSigners('late.caa.test')).toEqual([SECOND, SECOND])
})
