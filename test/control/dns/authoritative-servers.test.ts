import { Resolver as NodeResolver } from 'node:dns/promises'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { AuthoritativeResolver, Survey, SurveyType } from '#control/dns/resolver.ts'
import { startDnsServer } from '#test/dns-server.ts'
import { startKnot, type Knot } from '#test/knot.ts'
import { freePort } from '#test/ports.ts'
import { aRecord, replyTo, startRawDnsServer } from '#test/raw-dns-server.ts'
import { reservedName as name } from '#test/test-ca.ts'
import { testResolver } from '#test/test-resolver.ts'
import { startUnbound, type Unbound } from '#test/unbound.ts'
import { waitUntil } from '#test/wait.ts'

const never = new AbortController().signal
const [TOP, FIRST, SECOND] = ['127.10.2.1', '127.10.2.2', '127.10.2.3']

const ROOT = `@ NS ns.test.\ntest. NS ns.test.\nns.test. A ${TOP}\nnet. NS ns.net.\nns.net. A ${TOP}`
const NET = `@ NS ns\nns A ${TOP}\nprovider NS ns.provider\nns.provider A ${FIRST}`
const CUSTOMER = `@ NS ns1
@ NS ns2
ns1 A ${FIRST}
ns2 A ${SECOND}
www A 192.2.0.1
www AAAA 2600:db8::1
text TXT "one " "record"
text TXT "another"
app CNAME john.saas.provider.net.
chain CNAME app
sub NS ns1
`
const PROVIDER = `@ NS ns\nns A ${FIRST}\ndns A ${FIRST}\njohn.saas A 192.2.0.80`

const stack = new AsyncDisposableStack()
let top: Knot
let first: Knot
let second: Knot
let unbound: Unbound

/** The zone `test`, with these names delegated beside those that are always there. */
function testZone(cuts = ''): string {
  return `@ NS ns
ns A ${TOP}
customer NS ns1.customer
customer NS ns2.customer
ns1.customer A ${FIRST}
ns2.customer A ${SECOND}
glueless NS dns.provider.net.
${cuts}`
}

beforeAll(async () => {
  const port = await freePort()
  const tops = { '': ROOT, test: testZone(), net: NET }
  const firsts = {
    'customer.test': CUSTOMER,
    'sub.customer.test': `@ NS ns1.customer.test.\n@ A 192.2.0.5`,
    'provider.net': PROVIDER,
    'glueless.test': '@ NS dns.provider.net.\n@ A 192.2.0.7',
  }
  top = stack.use(await startKnot({ address: TOP, port, zones: tops }))
  first = stack.use(await startKnot({ address: FIRST, port, zones: firsts }))
  second = stack.use(
    await startKnot({ address: SECOND, port, zones: { 'customer.test': CUSTOMER } }),
  )
  const at = (zones: object, { endpoint }: Knot): [string, string][] =>
    Object.keys(zones).map((zone) => [zone, endpoint])
  const zones = Object.fromEntries([...at(tops, top), ...at(firsts, first)])
  // Those that tests add: Unbound by itself would look for their servers at port 53.
  const later = { 'halfway.test': first.endpoint }
  unbound = stack.use(await startUnbound({ zones: { ...zones, ...later } }))
})

afterAll(() => stack.disposeAsync())

function fromRoots(): AuthoritativeResolver {
  const where = { servers: [], roots: [top.endpoint], authoritativePort: top.port }
  return testResolver({ ...where, timeoutMs: 500 })
}

function fromUnbound(): AuthoritativeResolver {
  const where = { servers: [unbound.address], authoritativePort: top.port }
  return testResolver({ ...where, timeoutMs: 500 })
}

const four = (...addresses: string[]): object => ({
  outcome: 'found',
  values: addresses.map((address) => ({ address, family: 4 })),
})

async function changeCustomer(text: string, knots = [first, second]): Promise<void> {
  for (const knot of knots) await knot.setZone('customer.test', text)
}

describe.each([
  ['from the roots', fromRoots],
  ['from where a recursive server sees the zone', fromUnbound],
])('looking up %s', (_, createResolver) => {
  let resolver: AuthoritativeResolver
  beforeAll(() => {
    resolver = createResolver()
  })
  const survey = (text: string, type: SurveyType): Promise<Survey> =>
    resolver.survey(name(text), type, never)

  it('follows the delegation to the servers of the zone', async () => {
    expect(await resolver.resolveAddresses(name('www.customer.test'), never)).toEqual({
      outcome: 'found',
      values: [
        { address: '2600:db8::1', family: 6 },
        { address: '192.2.0.1', family: 4 },
      ],
    })
    const text = await resolver.resolveTxt(name('text.customer.test'), never)
    expect(text).toMatchObject({ outcome: 'found' })
    expect(text.outcome === 'found' && [...text.values].sort()).toEqual(['another', 'one record'])
  })

  it('finds servers that have no glue', async () => {
    const found = await resolver.resolveAddresses(name('glueless.test'), never)
    expect(found).toEqual(four('192.2.0.7'))
  })

  it('follows aliases into other zones', async () => {
    const found = await resolver.resolveAddresses(name('chain.customer.test'), never)
    expect(found).toEqual(four('192.2.0.80'))
    expect(await resolver.resolveCname(name('chain.customer.test'), never)).toEqual({
      outcome: 'found',
      values: ['app.customer.test', 'john.saas.provider.net'],
    })
  })

  it.each([
    ['none.customer.test', 'nxdomain'],
    ['www.customer.test', 'nodata'],
    ['none.test', 'nxdomain'],
  ])('says of a TXT record at %s: %s', async (text, outcome) => {
    expect(await resolver.resolveTxt(name(text), never)).toEqual({ outcome })
  })

  it('sees a name at once that was not there a moment ago', async () => {
    const fresh = name('fresh.customer.test')
    expect(await resolver.resolveAddresses(fresh, never)).toEqual({ outcome: 'nxdomain' })
    const caching = new NodeResolver()
    caching.setServers([unbound.address])
    await expect(caching.resolve4(fresh)).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await changeCustomer(`${CUSTOMER}fresh A 192.2.0.9`)
    expect(await resolver.resolveAddresses(fresh, never)).toEqual(four('192.2.0.9'))
    await expect(caching.resolve4(fresh)).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await changeCustomer(`${CUSTOMER}fresh A 192.2.0.10`)
    expect(await resolver.resolveAddresses(fresh, never)).toEqual(four('192.2.0.10'))
    await changeCustomer(CUSTOMER)
    expect(await resolver.resolveAddresses(fresh, never)).toEqual({ outcome: 'nxdomain' })
  })

  it('sees a zone at once that was cut off a moment ago', async () => {
    const own = name('www.own.customer.test')
    expect(await resolver.resolveAddresses(own, never)).toEqual({ outcome: 'nxdomain' })
    await second.setZone('own.customer.test', '@ NS ns2.customer.test.\nwww A 192.2.0.11')
    await changeCustomer(`${CUSTOMER}own NS ns2`)
    expect(await resolver.resolveAddresses(own, never)).toEqual(four('192.2.0.11'))
    expect(await survey('www.own.customer.test', 'A')).toMatchObject({ zone: 'own.customer.test' })
    await changeCustomer(CUSTOMER)
    await second.removeZone('own.customer.test')
  })

  it('reads over TCP what does not fit', async () => {
    const texts = Array.from({ length: 30 }, (_, i) => `big TXT "${i} ${'x'.repeat(200)}"\n`)
    await changeCustomer(CUSTOMER + texts.join(''))
    const found = await resolver.resolveTxt(name('big.customer.test'), never)
    expect(found.outcome === 'found' && found.values.length).toBe(30)
    await changeCustomer(CUSTOMER)
  })

  it('is content with one server where the others are silent', async () => {
    first.pause()
    const found = await resolver
      .resolveAddresses(name('www.customer.test'), never)
      .finally(() => first.resume())
    expect(found).toMatchObject({ outcome: 'found' })
  })

  it('asks every server, and shows one that is out of step', async () => {
    await changeCustomer(CUSTOMER.replace('192.2.0.1', '192.2.0.2'), [second])
    const answers = (await survey('www.customer.test', 'A')).servers
    expect([...answers].sort((a, b) => a.server.localeCompare(b.server))).toEqual([
      {
        server: 'ns1.customer.test',
        address: FIRST,
        answer: { outcome: 'found', values: ['192.2.0.1'], ttl: 60 },
      },
      {
        server: 'ns2.customer.test',
        address: SECOND,
        answer: { outcome: 'found', values: ['192.2.0.2'], ttl: 60 },
      },
    ])
    await changeCustomer(CUSTOMER)
  })

  it('shows which server is silent, and which does not know the zone', async () => {
    await second.removeZone('customer.test')
    first.pause()
    const { zone, servers } = await survey('www.customer.test', 'A').finally(() => first.resume())
    await second.setZone('customer.test', CUSTOMER)
    const outcomes = Object.fromEntries(
      servers.map(({ address, answer }) => [address, answer.outcome]),
    )
    expect(zone).toBe('customer.test')
    expect(outcomes).toEqual({ [FIRST]: 'timeout', [SECOND]: 'servfail' })
  })

  it.each<[string, SurveyType, string, object]>([
    [
      'app.customer.test',
      'A',
      'customer.test',
      { outcome: 'alias', target: 'john.saas.provider.net' },
    ],
    [
      'app.customer.test',
      'CNAME',
      'customer.test',
      { outcome: 'found', values: ['john.saas.provider.net'], ttl: 60 },
    ],
    ['none.customer.test', 'A', 'customer.test', { outcome: 'nxdomain' }],
    ['www.customer.test', 'TXT', 'customer.test', { outcome: 'nodata' }],
    [
      'text.customer.test',
      'TXT',
      'customer.test',
      { outcome: 'found', values: ['another', 'one record'], ttl: 60 },
    ],
    [
      'customer.test',
      'NS',
      'customer.test',
      { outcome: 'found', values: ['ns1.customer.test', 'ns2.customer.test'], ttl: 60 },
    ],
    [
      'sub.customer.test',
      'A',
      'sub.customer.test',
      { outcome: 'found', values: ['192.2.0.5'], ttl: 60 },
    ],
  ])('shows of %s %s, in the zone %s', async (text, type, zone, answer) => {
    const found = await survey(text, type)
    expect(found.zone).toBe(zone)
    expect(found.servers.map((each) => each.answer)).toEqual(found.servers.map(() => answer))
    expect(found.servers.map(({ address }) => address)).toContain(FIRST)
  })

  it('shows the SOA record', async () => {
    const { servers } = await survey('glueless.test', 'SOA')
    expect(servers).toMatchObject([{ server: 'dns.provider.net', address: FIRST }])
    const values = [expect.stringMatching(/^ns.glueless.test hostmaster.glueless.test \d+ 3600 /)]
    expect(servers[0]?.answer).toMatchObject({ values })
  })

  it('shows a server whose name has no address', async () => {
    await top.setZone(
      'test',
      testZone(`halfway NS ns.halfway\nhalfway NS gone.provider.net.\nns.halfway A ${FIRST}`),
    )
    await first.setZone(
      'halfway.test',
      `@ NS ns\n@ NS gone.provider.net.\nns A ${FIRST}\nwww A 192.2.0.12`,
    )
    const { servers } = await resolver.survey(name('www.halfway.test'), 'A', never)
    expect(servers).toContainEqual({
      server: 'gone.provider.net',
      address: '',
      answer: { outcome: 'servfail' },
    })
    await first.removeZone('halfway.test')
    await top.setZone('test', testZone())
  })
})

describe('a zone that moved to other servers', () => {
  it('is found again although its old servers are kept', async () => {
    const resolver = fromRoots()
    const moving = name('www.moving.test')
    const at = (address: string): string => testZone(`moving NS ns.moving\nns.moving A ${address}`)
    const zone = (address: string): string => `@ NS ns\nns A ${address}\nwww A 192.2.0.20`
    await top.setZone('test', at(FIRST))
    await first.setZone('moving.test', zone(FIRST))
    expect(await resolver.resolveAddresses(moving, never)).toEqual(four('192.2.0.20'))
    await first.removeZone('moving.test')
    await second.setZone('moving.test', zone(SECOND))
    await top.setZone('test', at(SECOND))
    expect(await resolver.resolveAddresses(moving, never)).toEqual(four('192.2.0.20'))
    const { servers } = await resolver.survey(moving, 'A', never)
    expect(servers.map(({ address }) => address)).toEqual([SECOND])
    await second.removeZone('moving.test')
    await top.setZone('test', testZone())
  })
})

describe('a zone whose servers with glue are gone', () => {
  it('is found at the one without', async () => {
    const cut = `mixed NS ns.mixed\nmixed NS dns.provider.net.\nns.mixed A 127.10.2.77`
    await top.setZone('test', testZone(cut))
    await first.setZone('mixed.test', '@ NS dns.provider.net.\nwww A 192.2.0.30')
    const found = await fromRoots().resolveAddresses(name('www.mixed.test'), never)
    expect(found).toEqual(four('192.2.0.30'))
    await first.removeZone('mixed.test')
    await top.setZone('test', testZone())
  })
})

describe('where only a recursive server can be reached', () => {
  it('takes its answers, also in a survey', async () => {
    const silent = await freePort()
    const resolver = testResolver({ servers: [unbound.address], authoritativePort: silent })
    const www = name('www.customer.test')
    expect(await resolver.resolveAddresses(www, never)).toMatchObject({ outcome: 'found' })
    const answer = { outcome: 'found', values: ['192.2.0.1'] }
    expect(await resolver.survey(www, 'A', never)).toMatchObject({
      zone: 'customer.test',
      servers: [{ server: '127.0.0.1', address: '127.0.0.1', answer }],
    })
  })

  it('stops asking where nobody answers, for a while', async () => {
    await using recursive = await startDnsServer({ 'app.test': { A: ['192.2.0.1'] } })
    const silent = await freePort()
    recursive.set('test', { NS: ['ns.test'] })
    recursive.set('ns.test', { A: [FIRST] })
    const resolver = testResolver({ servers: [recursive.address], authoritativePort: silent })
    for (let i = 0; i < 4; i++) await resolver.resolveAddresses(name('app.test'), never)
    const before = recursive.questions.length
    expect(await resolver.resolveAddresses(name('app.test'), never)).toEqual(four('192.2.0.1'))
    expect(recursive.questions.slice(before).sort()).toEqual(['A app.test', 'AAAA app.test'])
  })
})

describe('where a recursive server and a slow authoritative one differ', () => {
  it('believes the latter', async () => {
    await using slow = await startRawDnsServer({ address: '127.10.2.9' })
    await using recursive = await startDnsServer({ test: { NS: ['ns.test'] } })
    recursive.set('ns.test', { A: [slow.address] })
    slow.onQuestion = async (question) => {
      await waitUntil('the recursive server was asked too', () =>
        recursive.questions.includes(`${question.type} new.test`),
      )
      const answers = question.type === 'A' ? [aRecord(question.name, '192.2.0.1')] : []
      await new Promise((resolve) => setImmediate(resolve))
      question.send(replyTo(question, { answers }))
    }
    const where = { servers: [recursive.address], authoritativePort: slow.port }
    const resolver = testResolver({ ...where, timeoutMs: 1_000, tries: 9 })
    expect(await resolver.resolveAddresses(name('new.test'), never)).toEqual(four('192.2.0.1'))
  })
})

describe('where nobody can be reached', () => {
  it('says so within the time that a look-up may take', async () => {
    const nobody = `127.0.0.1:${await freePort()}`
    for (const where of [{ servers: [nobody] }, { servers: [nobody], roots: [nobody] }]) {
      const resolver = testResolver(where)
      const www = name('www.customer.test')
      const failed = { outcome: 'unheard' }
      expect(await resolver.resolveAddresses(www, never)).toEqual(failed)
      expect(await resolver.findCaa(www, never)).toEqual({ ...failed, at: www })
      expect(await resolver.checkDnssec(www, never)).toBe('unknown')
      const { servers } = await resolver.survey(www, 'A', never)
      expect(servers.map(({ answer }) => answer)).toEqual(servers.map(() => failed))
    }
  })
})
