import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { AuthoritativeResolver, CaaOutcome } from '#control/dns/resolver.ts'
import { startKnot, type Knot } from '#test/knot.ts'
import { freePort } from '#test/ports.ts'
import { replyTo, startRawDnsServer, type RawDnsServer } from '#test/raw-dns-server.ts'
import { reservedName as name } from '#test/test-ca.ts'
import { testResolver } from '#test/test-resolver.ts'

const never = new AbortController().signal
const [TOP, BROKEN] = ['127.10.4.1', '127.10.4.2']

const ROOT = `@ NS ns.test.\ntest. NS ns.test.\nns.test. A ${TOP}\nnet. NS ns.test.`
const TEST = `@ NS ns
ns A ${TOP}
restricted NS ns
free NS ns
broken NS ns.broken
ns.broken A ${BROKEN}
`
const RESTRICTED = `@ NS ns.test.
@ CAA 0 issue "letsencrypt.org"
@ CAA 0 iodef "mailto:security@restricted.test"
www A 192.0.2.1
deep.below.nothing A 192.0.2.1
own CAA 0 issue "pki.goog; cansignhttpexchanges=yes"
own CAA 0 issuewild ";"
strict CAA 128 tbs "Unknown"
mixed TYPE257 \\# 12 00 05 49 73 73 75 45 63 61 2e 6d 65
alias CNAME target.elsewhere.net.
bare CNAME bare.elsewhere.net.
dangling CNAME none.elsewhere.net.
loop CNAME loop
hanging CNAME www.broken.test.
`
const ELSEWHERE = `@ NS ns.test.
@ CAA 0 issue "parent-of-target.example"
target CAA 0 issue "target.example"
bare A 192.0.2.1
`

const stack = new AsyncDisposableStack()
let knot: Knot
let broken: RawDnsServer
let resolver: AuthoritativeResolver

const find = (text: string): Promise<CaaOutcome> => resolver.findCaa(name(text), never)

beforeAll(async () => {
  const port = await freePort()
  const zones = {
    '': ROOT,
    test: TEST,
    net: '@ NS ns.test.\nelsewhere NS ns.test.',
    'restricted.test': RESTRICTED,
    'elsewhere.net': ELSEWHERE,
    'free.test': '@ NS ns.test.\nwww A 192.0.2.1',
  }
  knot = stack.use(await startKnot({ address: TOP, port, zones }))
  broken = stack.use(await startRawDnsServer({ address: BROKEN, port }))
  const where = { servers: [], roots: [knot.endpoint], authoritativePort: port }
  resolver = testResolver({ ...where, timeoutMs: 2_000 })
})

afterAll(() => stack.disposeAsync())

const OF_THE_ZONE = {
  outcome: 'found',
  at: 'restricted.test',
  records: expect.arrayContaining([
    { critical: false, tag: 'issue', value: 'letsencrypt.org' },
    { critical: false, tag: 'iodef', value: 'mailto:security@restricted.test' },
  ]),
}

describe('the CAA set that governs', () => {
  it.each(['restricted.test', 'www.restricted.test', 'deep.below.nothing.restricted.test'])(
    '%s is that of the zone, with all its records',
    async (text) => {
      const found = await find(text)
      expect(found).toEqual(OF_THE_ZONE)
      expect(found.outcome === 'found' && found.records).toHaveLength(2)
    },
  )

  it('a name that is not there is that of the next level that has one', async () => {
    expect(await find('not.there.restricted.test')).toEqual(OF_THE_ZONE)
  })

  it('a name with its own is that one alone, with parameters and issuewild as they are', async () => {
    const found = await find('own.restricted.test')
    expect(found).toMatchObject({ outcome: 'found', at: 'own.restricted.test' })
    expect(found.outcome === 'found' && found.records).toHaveLength(2)
    expect(found).toMatchObject({
      records: expect.arrayContaining([
        { critical: false, tag: 'issue', value: 'pki.goog; cansignhttpexchanges=yes' },
        { critical: false, tag: 'issuewild', value: ';' },
      ]),
    })
    expect(await find('a.own.restricted.test')).toEqual(found)
  })

  it('keeps what is critical and not known', async () => {
    expect(await find('strict.restricted.test')).toEqual({
      outcome: 'found',
      at: 'strict.restricted.test',
      records: [{ critical: true, tag: 'tbs', value: 'Unknown' }],
    })
  })

  it('has its tags in lower case', async () => {
    const records = [{ critical: false, tag: 'issue', value: 'ca.me' }]
    expect(await find('mixed.restricted.test')).toMatchObject({ records })
  })

  it('an alias is that of its target', async () => {
    expect(await find('alias.restricted.test')).toEqual({
      outcome: 'found',
      at: 'alias.restricted.test',
      records: [{ critical: false, tag: 'issue', value: 'target.example' }],
    })
  })

  it('an alias of a name without one is that above the alias, not above the target', async () => {
    expect(await find('bare.restricted.test')).toEqual(OF_THE_ZONE)
    expect(await find('dangling.restricted.test')).toEqual(OF_THE_ZONE)
  })

  it('does not exist where no level has one', async () => {
    expect(await find('www.free.test')).toEqual({ outcome: 'none' })
    expect(await find('a.b.c.none.test')).toEqual({ outcome: 'none' })
    expect(await find('demo.localhost')).toEqual({ outcome: 'none' })
  })

  it('may be that of the top-level domain', async () => {
    await knot.setZone('test', `${TEST}@ CAA 0 issue ";"`)
    const governs = { outcome: 'found', at: 'test' }
    expect(await find('www.free.test').finally(() => knot.setZone('test', TEST))).toMatchObject(
      governs,
    )
  })

  it('is seen as it is now', async () => {
    await knot.setZone('free.test', '@ NS ns.test.\n@ CAA 0 issue ";"')
    expect(await find('www.free.test')).toMatchObject({ outcome: 'found', at: 'free.test' })
    await knot.setZone('free.test', '@ NS ns.test.')
    expect(await find('www.free.test')).toEqual({ outcome: 'none' })
  })
})

describe('a level that cannot be looked at', () => {
  it('is no permission, whatever lies above', async () => {
    broken.onQuestion = (question) => question.send(replyTo(question, { rcode: 2 }))
    const at = 'www.broken.test'
    expect(await find(at)).toEqual({ outcome: 'servfail', at })
    expect(await find('loop.restricted.test')).toEqual({
      outcome: 'servfail',
      at: 'loop.restricted.test',
    })
    expect(await find('hanging.restricted.test')).toEqual({
      outcome: 'servfail',
      at: 'hanging.restricted.test',
    })
  })

  it('may lie above one that has no set', async () => {
    broken.onQuestion = (question) => {
      const rcode = question.name === 'broken.test' ? 2 : 0
      question.send(replyTo(question, { rcode }))
    }
    expect(await find('www.broken.test')).toEqual({ outcome: 'servfail', at: 'broken.test' })
  })

  it('is not looked at where a level below has a set', async () => {
    broken.onQuestion = (question) => {
      const data = { flags: 0, tag: 'issue' as const, value: ';' }
      const answers = [{ type: 'CAA' as const, name: question.name, ttl: 60, data }]
      const isApex = question.name === 'broken.test'
      question.send(replyTo(question, isApex ? { rcode: 2 } : { answers }))
    }
    expect(await find('www.broken.test')).toMatchObject({ outcome: 'found', at: 'www.broken.test' })
  })

  it('may be silent', async () => {
    broken.onQuestion = () => {}
    const where = { servers: [], roots: [knot.endpoint], authoritativePort: knot.port }
    const impatient = testResolver({ ...where, timeoutMs: 200 })
    const at = 'www.broken.test'
    expect(await impatient.findCaa(name(at), never)).toEqual({ outcome: 'timeout', at })
  })
})
