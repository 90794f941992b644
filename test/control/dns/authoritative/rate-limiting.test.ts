import packet from 'dns-packet'
import { describe, expect, it } from 'vitest'

import type { DcvRecords } from '#control/dns/authoritative/dcv-records.ts'
import { RateLimiter } from '#control/dns/authoritative/rate-limiter.ts'
import { prefixOf } from '#control/dns/authoritative/source-prefix.ts'
import { DCV_ZONE, startDcvDns, UUID } from '#test/dcv-dns.ts'
import { dig } from '#test/dig.ts'
import { dnsQuery, udpClient } from '#test/dns-bytes.ts'
import { fakeClock } from '#test/fake-clock.ts'

const RATE = { perSecond: 10, burst: 20 }

/** What `count` queries from an address got, by how often. */
function admit(limiter: RateLimiter, address: string, count: number): Record<string, number> {
  const counts: Record<string, number> = { answer: 0, slip: 0, drop: 0 }
  for (let i = 0; i < count; i++) {
    const admission = limiter.admit(address)
    counts[admission] = (counts[admission] ?? 0) + 1
  }
  return counts
}

describe('the prefix of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.255', true],
    ['192.0.2.1', '192.0.3.1', false],
    ['192.0.2.1', '::ffff:192.0.2.7', true],
    ['2001:db8:0:1::1', '2001:db8:0:1:ffff::', true],
    ['2001:db8:0:100::1', '2001:db8:0:1ff::1', true],
    ['2001:db8:0:100::1', '2001:db8:0:200::1', false],
    ['fe80::1%eth0', 'fe80::2%eth0', true],
  ])('of %s and %s are the same: %s', (a, b, same) => {
    expect(prefixOf(a) === prefixOf(b)).toBe(same)
  })
})

describe('the rate limiter', () => {
  it('lets a burst through, then the rate, and cuts every second of the rest', async () => {
    const clock = fakeClock()
    const limiter = new RateLimiter({ clock, rate: RATE })
    expect(admit(limiter, '192.0.2.1', 30)).toEqual({ answer: 20, slip: 5, drop: 5 })
    await clock.advance(1_000)
    expect(admit(limiter, '192.0.2.9', 20)).toEqual({ answer: 10, slip: 5, drop: 5 })
    await clock.advance(3_600_000)
    expect(admit(limiter, '192.0.2.1', 30)).toMatchObject({ answer: 20 })
  })

  it('counts each prefix by itself', () => {
    const limiter = new RateLimiter({ clock: fakeClock(), rate: RATE })
    admit(limiter, '192.0.2.1', 100)
    expect(admit(limiter, '192.0.3.1', 10)).toMatchObject({ answer: 10 })
  })

  it('neither fills up nor runs dry when the clock is set back', () => {
    const clock = fakeClock()
    const limiter = new RateLimiter({ clock, rate: RATE })
    admit(limiter, '192.0.2.1', 20)
    clock.jump(clock.now() - 86_400_000)
    expect(admit(limiter, '192.0.2.1', 2)).toMatchObject({ answer: 0 })
    clock.jump(clock.now() + 1_000)
    expect(admit(limiter, '192.0.2.1', 20)).toMatchObject({ answer: 10 })
  })

  it('remembers no more prefixes than it may, those under attack longest', () => {
    const limiter = new RateLimiter({ clock: fakeClock(), rate: RATE, maxPrefixes: 100 })
    for (let i = 0; i < 1_000; i++) {
      limiter.admit(`10.${i >> 8}.${i & 255}.1`)
      limiter.admit('192.0.2.1')
    }
    expect(limiter.size).toBe(100)
    expect(admit(limiter, '192.0.2.1', 10)).toMatchObject({ answer: 0 })
  })
})

describe('a flood by UDP', () => {
  const records: DcvRecords = {
    hasDelegation: async (uuid) => uuid === UUID,
    findTxt: async () => ['value'],
  }
  const NAME = `app.customer.com.${UUID}.${DCV_ZONE}`

  it('gets answers, cut ones and none, and TCP stays open', async () => {
    const limits = { responses: { rate: { perSecond: 1, burst: 3 }, slip: 2 } }
    await using dns = await startDcvDns({ records, limits, clock: fakeClock() })
    using client = await udpClient(dns.address)
    for (let id = 1; id <= 7; id++) client.send(dnsQuery(NAME, 'TXT', { id }))
    const seen: [number | undefined, boolean, number | undefined][] = []
    while (seen.length < 5) {
      const { id, flag_tc: isCut, answers } = packet.decode(await client.next())
      seen.push([id, isCut, answers?.length])
    }
    // What is cut overtakes what is looked up.
    seen.sort(([a = 0], [b = 0]) => a - b)
    expect(seen).toEqual([
      [1, false, 1],
      [2, false, 1],
      [3, false, 1],
      [5, true, 0],
      [7, true, 0],
    ])
    expect(await dns.metrics()).toContain('custos_dns_held_back_total{reason="slipped"} 2')
    expect(await dns.metrics()).toContain('custos_dns_held_back_total{reason="dropped"} 2')
    expect((await dig(dns.address, NAME, 'TXT', '+tcp')).answer).toHaveLength(1)
  })

  it('never gets more bytes for malformed queries than it sent', async () => {
    const limits = { responses: { rate: { perSecond: 1, burst: 1 }, slip: 1 } }
    await using dns = await startDcvDns({ records, limits, clock: fakeClock() })
    using client = await udpClient(dns.address)
    for (const id of [1, 2, 3]) client.send(dnsQuery(NAME, 'TXT', { id }).subarray(0, 12))
    client.send(dnsQuery(NAME, 'TXT', { id: 4 }))
    expect((await client.next()).readUInt16BE(0)).toBe(1)
    const cut = await client.next()
    expect(cut.readUInt16BE(0)).toBe(4)
    expect(cut).toHaveLength(dnsQuery(NAME, 'TXT').length)
  })
})
