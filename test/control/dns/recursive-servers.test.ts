import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { MAX_CNAME_HOPS, type Resolver } from '#control/dns/resolver.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'
import { systemClock } from '#lib/clock.ts'
import { startDnsServer, type DnsRecords, type DnsServer } from '#test/dns-server.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { testResolver } from '#test/test-resolver.ts'

const never = new AbortController().signal
const name = (text: string): Hostname => parseHostname(text, { allowReservedTlds: true })

let server: DnsServer
let resolver: Resolver

beforeAll(async () => {
  server = await startDnsServer({
    'both.test': { A: ['192.2.0.1', '192.2.0.2'], AAAA: ['2600:db8::1'] },
    'four.test': { A: ['192.2.0.4'] },
    'alias.test': { CNAME: 'middle.test' },
    'middle.test': { CNAME: 'Four.TEST' },
    'dangling.test': { CNAME: 'nowhere.test' },
    'hanging.test': { CNAME: 'broken.test' },
    'text.test': { TXT: ['first', 'second'] },
    'broken.test': 'servfail',
    'closed.test': 'refused',
    'quiet.test': 'silent',
    'loop-a.test': { CNAME: 'loop-b.test' },
    'loop-b.test': { CNAME: 'loop-a.test' },
    'self.test': { CNAME: 'self.test' },
    ...endlessChain(),
  })
  resolver = testResolver({ servers: [server.address] })
})

afterAll(() => server.close())

describe('looking up addresses', () => {
  it('puts IPv6 before IPv4', async () => {
    expect(await resolver.resolveAddresses(name('both.test'), never)).toEqual({
      outcome: 'found',
      values: [
        { address: '2600:db8::1', family: 6 },
        { address: '192.2.0.1', family: 4 },
        { address: '192.2.0.2', family: 4 },
      ],
    })
  })

  it('is content with one family, and follows aliases', async () => {
    const values = [{ address: '192.2.0.4', family: 4 }]
    const found = { outcome: 'found', values }
    expect(await resolver.resolveAddresses(name('four.test'), never)).toEqual(found)
    expect(await resolver.resolveAddresses(name('alias.test'), never)).toEqual(found)
  })

  it.each([
    ['none.test', 'nxdomain'],
    ['text.test', 'nodata'],
    ['broken.test', 'servfail'],
    ['closed.test', 'servfail'],
    ['quiet.test', 'timeout'],
  ])('says of %s: %s', async (text, outcome) => {
    expect(await resolver.resolveAddresses(name(text), never)).toEqual({ outcome })
  })

  it('sees a change at once: nothing is cached', async () => {
    server.set('moving.test', { A: ['192.2.0.10'] })
    await resolver.resolveAddresses(name('moving.test'), never)
    server.set('moving.test', { A: ['192.2.0.11'] })
    const values = [{ address: '192.2.0.11', family: 4 }]
    const after = await resolver.resolveAddresses(name('moving.test'), never)
    expect(after).toEqual({ outcome: 'found', values })
  })

  it('asks once for the zone, however many look-ups there are, and soon again', async () => {
    const clock = fakeClock()
    server.set('zone.test', { CNAME: 'four.test' })
    const asker = testResolver({ servers: [server.address], clock })
    const countAsked = async (): Promise<number> => {
      const before = server.questions.length
      await asker.resolveAddresses(name('zone.test'), never)
      await asker.resolveAddresses(name('zone.test'), never)
      return server.questions.slice(before).filter((each) => each === 'NS zone.test').length
    }
    expect(await countAsked()).toBe(1)
    expect(await countAsked()).toBe(0)
    clock.jump(clock.now() + 3_000)
    expect(await countAsked()).toBe(1)
    clock.jump(clock.now() - 3_600_000)
    expect(await countAsked()).toBe(1)
  })

  it('does not give up because the clock is set', async () => {
    let leaps = 0
    const leaping = { ...systemClock, now: () => Date.now() + 3_600_000 * leaps++ }
    const others = testResolver({ servers: [server.address], clock: leaping })
    const values = [{ address: '192.2.0.4', family: 4 }]
    const found = await others.resolveAddresses(name('alias.test'), never)
    expect(found).toEqual({ outcome: 'found', values })
  })

  it('answers for .localhost without asking anyone (RFC 6761)', async () => {
    const before = server.questions.length
    for (const text of ['demo.localhost', 'a.b.localhost']) {
      const loopback = await resolver.resolveAddresses(name(text), never)
      expect(loopback).toMatchObject({ values: [{ address: '::1' }, { address: '127.0.0.1' }] })
      expect(await resolver.resolveCname(name(text), never)).toEqual({ outcome: 'nodata' })
      expect(await resolver.resolveTxt(name(text), never)).toEqual({ outcome: 'nodata' })
    }
    expect(server.questions.slice(before)).toEqual([])
  })

  it('answers so for an alias that leads there', async () => {
    server.set('inward.test', { CNAME: 'demo.localhost' })
    const loopback = await resolver.resolveAddresses(name('inward.test'), never)
    expect(loopback).toMatchObject({ values: [{ address: '::1' }, { address: '127.0.0.1' }] })
    expect(server.questions.filter((question) => question.endsWith('localhost'))).toEqual([])
  })

  it('rejects with the reason of an aborted signal, before and during the look-up', async () => {
    const reason = new Error('stopped')
    const early = resolver.resolveAddresses(name('four.test'), AbortSignal.abort(reason))
    await expect(early).rejects.toBe(reason)
    const controller = new AbortController()
    const late = resolver.resolveAddresses(name('quiet.test'), controller.signal)
    controller.abort(reason)
    await expect(late).rejects.toBe(reason)
  })
})

describe('where none of the servers that we are set up to ask is there', () => {
  it.each(['servers', 'roots'] as const)('says so of %s that nobody listens at', async (role) => {
    const gone = await startDnsServer()
    await gone.close()
    const orphan = testResolver({ servers: [], [role]: [gone.address] })
    const four = name('four.test')
    expect(await orphan.resolveAddresses(four, never)).toEqual({ outcome: 'unheard' })
    expect(await orphan.resolveTxt(four, never)).toEqual({ outcome: 'unheard' })
    expect(await orphan.findCaa(four, never)).toEqual({ outcome: 'unheard', at: four })
    expect(await orphan.checkDnssec(four, never)).toBe('unknown')
  })

  it('says so in surveys too', async () => {
    const gone = await startDnsServer()
    await gone.close()
    const orphan = testResolver({ servers: [gone.address] })
    const { servers } = await orphan.survey(name('four.test'), 'TXT', never)
    expect(servers.map(({ answer }) => answer)).toEqual([{ outcome: 'unheard' }])
  })

  it('takes silence for the name’s own until there is nothing but silence', async () => {
    const silent = await startDnsServer({ 'quiet.test': 'silent', 'four.test': 'silent' })
    const waiting = testResolver({ servers: [silent.address], timeoutMs: 50 })
    const first = await waiting.resolveTxt(name('quiet.test'), never)
    expect(first).toEqual({ outcome: 'timeout' })
    for (let question = 0; question < 4; question++) {
      await waiting.resolveTxt(name('quiet.test'), never)
    }
    const last = await waiting.resolveTxt(name('four.test'), never)
    expect(last).toEqual({ outcome: 'unheard' })
    await silent.close()
  })

  it('believes one that is there and fails for a name', async () => {
    const gone = await startDnsServer()
    await gone.close()
    const half = testResolver({ servers: [gone.address, server.address] })
    const broken = await half.resolveAddresses(name('broken.test'), never)
    expect(broken).toEqual({ outcome: 'servfail' })
  })
})

describe('following CNAME records', () => {
  it('returns every target in order, in normal form', async () => {
    const values = ['middle.test', 'four.test']
    const found = await resolver.resolveCname(name('alias.test'), never)
    expect(found).toEqual({ outcome: 'found', values })
  })

  it('says nodata for a name with other records, nxdomain for no name', async () => {
    expect(await resolver.resolveCname(name('four.test'), never)).toEqual({ outcome: 'nodata' })
    expect(await resolver.resolveCname(name('none.test'), never)).toEqual({ outcome: 'nxdomain' })
  })

  it.each([
    ['dangling.test', ['nowhere.test'], 'nxdomain'],
    ['hanging.test', ['broken.test'], 'servfail'],
    ['loop-a.test', ['loop-b.test', 'loop-a.test'], 'loop'],
    ['self.test', ['self.test'], 'loop'],
  ])('returns what it could follow from %s', async (text, values, endsBy) => {
    const found = await resolver.resolveCname(name(text), never)
    expect(found).toEqual({ outcome: 'found', values, endsBy })
  })

  it('stops after a bounded number of records', async () => {
    const found = await resolver.resolveCname(name('hop-0.test'), never)
    expect(found).toMatchObject({ outcome: 'found', endsBy: 'loop' })
    expect(found.outcome === 'found' && found.values.length).toBe(MAX_CNAME_HOPS)
  })
})

describe('looking up TXT records', () => {
  it('returns each record as one string', async () => {
    const found = await resolver.resolveTxt(name('text.test'), never)
    expect(found).toEqual({ outcome: 'found', values: ['first', 'second'] })
  })
})

function endlessChain(): Record<string, DnsRecords> {
  const hops = Array.from({ length: 3 * MAX_CNAME_HOPS }, (_, i) => i)
  return Object.fromEntries(hops.map((i) => [`hop-${i}.test`, { CNAME: `hop-${i + 1}.test` }]))
}
