import { beforeEach, describe, expect, it } from 'vitest'

import type { DcvRecords } from '#control/dns/authoritative/dcv-records.ts'
import { Lookups, type Found, type LookupsOptions } from '#control/dns/authoritative/lookups.ts'
import { parseHostname } from '#domain/hostname.ts'
import { DCV_ZONE, startDcvDns, UUID } from '#test/dcv-dns.ts'
import { dig } from '#test/dig.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'

let clock: FakeClock
let reads: string[]
let names: Map<string, string[]>
/** What a read waits for. */
let gate: Promise<unknown>

const records: DcvRecords = {
  hasDelegation: async (uuid) => uuid === UUID,
  async findTxt(hostname) {
    reads.push(hostname)
    const values = names.get(hostname)
    await gate
    return values
  },
}

beforeEach(() => {
  clock = fakeClock()
  reads = []
  names = new Map([['app.customer.com', ['value']]])
  gate = Promise.resolve()
})

const COLD = { perSecond: 10, burst: 10 }
const create = (options: Partial<LookupsOptions> = {}): Lookups =>
  new Lookups({ records, clock, coldRate: COLD, ...options })

const find = (
  lookups: Lookups,
  name = 'app.customer.com',
  transport: 'udp' | 'tcp' = 'udp',
): Promise<Found> =>
  lookups.findTxt({ hostname: parseHostname(name), delegationUuid: UUID, transport })

describe('a name that many ask for', () => {
  it('is read once at a time, and again after a moment', async () => {
    const lookups = create()
    const all = await Promise.all(Array.from({ length: 100 }, () => find(lookups)))
    expect(new Set(all.flat())).toEqual(new Set(['value']))
    await clock.advance(999)
    await find(lookups)
    expect(reads).toHaveLength(1)
    await clock.advance(1)
    await find(lookups)
    expect(reads).toHaveLength(2)
  })

  it('is read anew when something was written', async () => {
    const lookups = create()
    await find(lookups)
    names.set('app.customer.com', ['new'])
    expect(await find(lookups)).toEqual(['value'])
    lookups.forget()
    expect(await find(lookups)).toEqual(['new'])
  })

  it('does not keep what was read before something was written', async () => {
    const lookups = create()
    const opened = Promise.withResolvers<void>()
    gate = opened.promise
    const before = find(lookups)
    await clock.advance(0)
    names.set('app.customer.com', ['new'])
    lookups.forget()
    const after = find(lookups)
    opened.resolve()
    expect(await before).toEqual(['value'])
    expect(await after).toEqual(['new'])
    expect(await find(lookups)).toEqual(['new'])
  })
})

describe('names that are invented', () => {
  it('are remembered for a moment', async () => {
    const lookups = create()
    for (let i = 0; i < 5; i++) expect(await find(lookups, 'no.customer.com')).toBeUndefined()
    expect(reads).toHaveLength(1)
  })

  it('below a delegation that nobody has are not looked for', async () => {
    const lookups = create()
    const hostname = parseHostname('app.customer.com')
    const delegationUuid = 'f'.repeat(16)
    const found = await lookups.findTxt({ hostname, delegationUuid, transport: 'udp' })
    expect(found).toBeUndefined()
    expect(reads).toEqual([])
  })

  it('have a budget by UDP, one by TCP, and leave the others what they need', async () => {
    const lookups = create()
    await find(lookups)
    const flood = async (transport: 'udp' | 'tcp', from: number): Promise<Found[]> => {
      const all = Array.from({ length: 100 }, (_, i) => `n${from + i}.tenant.com`)
      return Promise.all(all.map((name) => find(lookups, name, transport)))
    }
    expect((await flood('udp', 0)).filter((found) => found === 'busy')).toHaveLength(91)
    expect(await find(lookups, 'other.customer.com', 'udp')).toBe('busy')
    expect((await flood('tcp', 1_000)).filter((found) => found === 'busy')).toHaveLength(90)
    await clock.advance(1_000)
    await flood('udp', 2_000)
    expect(await find(lookups)).toEqual(['value'])
    expect(await find(lookups, 'other.customer.com', 'udp')).toBe('busy')
  })

  it('do not pile up on a store that is slow', async () => {
    gate = new Promise(() => {})
    const lookups = create({ coldRate: { perSecond: 1_000, burst: 1_000 }, maxRunning: 3 })
    const all = ['a.com', 'b.com', 'c.com', 'd.com'].map((name) => find(lookups, name))
    for (const each of all) each.catch(() => {})
    expect(await all[3]).toBe('busy')
    await clock.advance(2_000)
    await expect(all[0]).rejects.toThrow('the store has not answered within 2000 ms')
    // A read that never ends is not begun a second time.
    await expect(find(lookups, 'a.com')).rejects.toThrow('has not answered')
    expect(reads).toEqual(['a.com', 'b.com', 'c.com'])
  })
})

describe('a store that fails', () => {
  it('fails for everybody who waits, and is asked again', async () => {
    const lookups = create()
    gate = Promise.reject(new Error('away'))
    const both = [find(lookups), find(lookups)]
    for (const each of both) await expect(each).rejects.toThrow('away')
    gate = Promise.resolve()
    expect(await find(lookups)).toEqual(['value'])
    expect(reads).toHaveLength(2)
  })
})

describe('the server', () => {
  it('sends invented names to TCP, and fails there when they are too many', async () => {
    const limits = { lookups: { coldRate: { perSecond: 1, burst: 1 } } }
    await using dns = await startDcvDns({ records, limits, clock })
    const under = (host: string): string => `${host}.${UUID}.${DCV_ZONE}`
    const ask = (host: string, ...args: string[]): ReturnType<typeof dig> =>
      dig(dns.address, under(host), 'TXT', '+ignore', ...args)
    expect(await ask('a.customer.com')).toMatchObject({ status: 'NXDOMAIN', flags: ['qr', 'aa'] })
    expect(await ask('b.customer.com')).toMatchObject({ status: 'NOERROR', flags: ['qr', 'tc'] })
    expect(await ask('b.customer.com', '+tcp')).toMatchObject({ status: 'NXDOMAIN' })
    const last = await ask('c.customer.com', '+tcp')
    expect(last).toMatchObject({ status: 'SERVFAIL', flags: ['qr'], answer: [], authority: [] })
    expect(await dns.metrics()).toContain('custos_dns_held_back_total{reason="postponed"} 2')
  })
})
