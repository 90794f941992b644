import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { AuthoritativeResolver, DnssecState } from '#control/dns/resolver.ts'
import { startDnsServer } from '#test/dns-server.ts'
import { startKnot, type Knot } from '#test/knot.ts'
import { reservedName as name } from '#test/test-ca.ts'
import { testResolver } from '#test/test-resolver.ts'
import { startUnbound, type Unbound } from '#test/unbound.ts'

const never = new AbortController().signal
const patience = { timeoutMs: 2_000, tries: 1 }
const ADDRESS = '127.10.1.1'
const ZONE = `@ NS ns\nns A ${ADDRESS}\nwww A 192.2.0.1\n`

const stack = new AsyncDisposableStack()
let knot: Knot
let unbound: Unbound
let resolver: AuthoritativeResolver

const check = (text: string): Promise<DnssecState> => resolver.checkDnssec(name(text), never)

beforeAll(async () => {
  const zones = { 'signed.test': ZONE, 'plain.test': ZONE, test: ZONE, '': '@ NS ns.test.\n' }
  knot = stack.use(await startKnot({ address: ADDRESS, zones }))
  const ds = await knot.sign('signed.test')
  const cuts = `signed NS ns.signed\nplain NS ns.plain\nns.signed A ${ADDRESS}\nns.plain A ${ADDRESS}\n`
  await knot.setZone('test', [ZONE, cuts, ...ds].join('\n'))
  const dsOfTest = await knot.sign('test')
  const root = ['@ NS ns.test.', 'test. NS ns.test.', `ns.test. A ${ADDRESS}`]
  await knot.setZone('', [...root, ...dsOfTest].join('\n'))
  unbound = stack.use(
    await startUnbound({
      zones: Object.fromEntries(Object.keys(zones).map((zone) => [zone, knot.endpoint])),
      trustAnchors: await knot.sign(''),
    }),
  )
  resolver = testResolver({ servers: [unbound.address], ...patience })
})

afterAll(() => stack.disposeAsync())

describe('behind a validating server', () => {
  it('a signed and an unsigned name are fine, there or not', async () => {
    expect(await check('www.signed.test')).toBe('fine')
    expect(await check('none.signed.test')).toBe('fine')
    expect(await check('www.plain.test')).toBe('fine')
  })

  it('a name whose signature does not fit is bogus until it is mended', async () => {
    await knot.breakSignature('signed.test')
    await unbound.flush()
    expect(await check('www.signed.test')).toBe('bogus')
    expect(await check('www.plain.test')).toBe('fine')
    await knot.sign('signed.test')
    await unbound.flush()
    expect(await check('www.signed.test')).toBe('fine')
  })

  it('a bogus name is still seen as it is at its own servers', async () => {
    await knot.breakSignature('signed.test')
    await unbound.flush()
    const direct = testResolver({
      servers: [unbound.address],
      roots: [knot.endpoint],
      authoritativePort: knot.port,
    })
    const found = await direct.resolveAddresses(name('www.signed.test'), never)
    expect(found).toEqual({ outcome: 'found', values: [{ address: '192.2.0.1', family: 4 }] })
    expect(await direct.checkDnssec(name('www.signed.test'), never)).toBe('bogus')
    await knot.sign('signed.test')
    await unbound.flush()
  })
})

describe('where nobody validates', () => {
  it('is not known', async () => {
    await using plain = await startUnbound({ zones: { 'signed.test': knot.endpoint } })
    const other = testResolver({ servers: [plain.address], ...patience })
    expect(await other.checkDnssec(name('www.signed.test'), never)).toBe('unknown')
  })

  it('is not known of a name that fails with and without the CD bit, nor where nobody answers', async () => {
    await using server = await startDnsServer({ 'broken.test': 'servfail', 'quiet.test': 'silent' })
    const other = testResolver({ servers: [server.address] })
    expect(await other.checkDnssec(name('broken.test'), never)).toBe('unknown')
    expect(await other.checkDnssec(name('quiet.test'), never)).toBe('unknown')
    expect(await other.checkDnssec(name('a.localhost'), never)).toBe('unknown')
    expect(server.questions.some((question) => question.includes('localhost'))).toBe(false)
  })

  it('asks the next server where the first one does not validate', async () => {
    await using server = await startDnsServer({ 'www.signed.test': { A: ['192.2.0.1'] } })
    const both = testResolver({ servers: [server.address, unbound.address], ...patience })
    expect(await both.checkDnssec(name('www.signed.test'), never)).toBe('fine')
  })
})
