import { createHash } from 'node:crypto'

import { beforeEach, describe, expect, it } from 'vitest'

import { createStoreDcvRecords } from '#control/dns/authoritative/store-dcv-records.ts'
import { parseHostname } from '#domain/hostname.ts'
import { createLogger } from '#lib/log.ts'
import type { Store } from '#store/store.ts'
import { DCV_ZONE, startDcvDnsOnStore, UUID, withDnsOrders } from '#test/dcv-dns.ts'
import { dig } from '#test/dig.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { aHostname, anOrder, aZone, NOON, withIssuance } from '#test/records.ts'

const OTHER_UUID = 'fedcba9876543210'
const OTHER = aZone({ id: 'f'.repeat(32), name: 'other.com', dcvDelegationUuid: OTHER_UUID })

const valueOf = (keyAuthorization: string): string =>
  createHash('sha256').update(keyAuthorization).digest('base64url')
const name = (text: string): ReturnType<typeof parseHostname> => parseHostname(text)

let clock: FakeClock
beforeEach(() => {
  clock = fakeClock(NOON)
})

/** Counts what is read; `fails` makes every read fail. */
function watched(store: Store): { store: Store; zoneReads: () => number; fail: () => void } {
  let zoneReads = 0
  let isAway = false
  const zones: Store['zones'] = new Proxy(store.zones, {
    get: (target, property) => {
      if (property !== 'list') return Reflect.get(target, property)
      return async (page: Parameters<Store['zones']['list']>[0]) => {
        zoneReads += 1
        if (isAway) throw new Error('away')
        return target.list(page)
      }
    },
  })
  const { hostnames } = store
  return {
    store: { ...store, zones, hostnames },
    zoneReads: () => zoneReads,
    fail: () => void (isAway = true),
  }
}

describe('the values of a hostname', () => {
  it('are those of its own zone', async () => {
    await using dns = await startDcvDnsOnStore([withDnsOrders('a.com', { ecdsa: ['one'] })])
    await dns.store.zones.create(OTHER)
    const change = { zoneId: OTHER.id }
    await dns.store.hostnames.create(withDnsOrders('a.com', { rsa: ['two'] }, { change }))
    const records = createStoreDcvRecords({ store: dns.store, clock })
    expect(await records.findTxt(name('a.com'), UUID)).toEqual([valueOf('one')])
    expect(await records.findTxt(name('a.com'), OTHER_UUID)).toEqual([valueOf('two')])
    expect(await records.findTxt(name('a.com'), '0'.repeat(16))).toBeUndefined()
  })

  it('are given once where two chains show the same', async () => {
    const record = withDnsOrders('a.com', { ecdsa: ['one', 'two'], rsa: ['two'] })
    await using dns = await startDcvDnsOnStore([record])
    const records = createStoreDcvRecords({ store: dns.store, clock })
    expect(await records.findTxt(name('a.com'), UUID)).toEqual([valueOf('one'), valueOf('two')])
  })

  it('are there while the order is open and not a moment longer', async () => {
    const record = withDnsOrders('a.com', { ecdsa: ['one'] }, { expiresAt: NOON + 1_000 })
    await using dns = await startDcvDnsOnStore([record])
    const records = createStoreDcvRecords({ store: dns.store, clock })
    await clock.advance(999)
    expect(await records.findTxt(name('a.com'), UUID)).toHaveLength(1)
    await clock.advance(1)
    expect(await records.findTxt(name('a.com'), UUID)).toEqual([])
  })

  it('are only those of dns-01 challenges for it', async () => {
    const [challenge] = anOrder().challenges
    if (!challenge) throw new Error('an order has a challenge')
    const challenges = [
      { ...challenge, identifier: 'a.com' },
      { ...challenge, type: 'dns-01' as const, identifier: 'b.com' },
      { ...challenge, type: 'dns-01' as const, identifier: 'a.com', wildcard: true as const },
    ]
    const record = withIssuance(aHostname({ hostname: name('a.com') }), 'ecdsa', {
      state: 'validating',
      order: anOrder({ challenges }),
      since: NOON,
      nextAt: NOON,
      failures: 0,
    })
    await using dns = await startDcvDnsOnStore([record])
    const records = createStoreDcvRecords({ store: dns.store, clock })
    expect(await records.findTxt(name('a.com'), UUID)).toEqual([valueOf('token.thumbprint')])
  })

  it('go, and the name too, when the hostname is removed', async () => {
    const removal = { requestedAt: NOON, serial: NOON }
    const removed = withDnsOrders('gone.tenant.com', { ecdsa: ['one'] }, { change: { removal } })
    await using dns = await startDcvDnsOnStore([removed])
    const records = createStoreDcvRecords({ store: dns.store, clock })
    expect(await records.findTxt(name('gone.tenant.com'), UUID)).toBeUndefined()
  })
})

describe('delegations', () => {
  it('that nobody has cost one read a second, however many are asked for', async () => {
    await using dns = await startDcvDnsOnStore([])
    const { store, zoneReads } = watched(dns.store)
    const records = createStoreDcvRecords({ store, clock })
    const asked = Array.from({ length: 1_000 }, (_, i) => i.toString(16).padStart(16, '0'))
    const found = await Promise.all(asked.map((uuid) => records.hasDelegation(uuid)))
    expect(found).not.toContain(true)
    expect(zoneReads()).toBe(1)
    expect(await records.hasDelegation(UUID)).toBe(true)
    expect(zoneReads()).toBe(1)
  })

  it('of a new zone are known a second later', async () => {
    await using dns = await startDcvDnsOnStore([])
    const records = createStoreDcvRecords({ store: dns.store, clock })
    expect(await records.hasDelegation(OTHER_UUID)).toBe(false)
    await dns.store.zones.create(OTHER)
    await clock.advance(1_000)
    expect(await records.hasDelegation(OTHER_UUID)).toBe(true)
    await dns.store.zones.remove(OTHER.id)
    await clock.advance(60_000)
    await records.hasDelegation(OTHER_UUID)
    await expect.poll(() => records.hasDelegation(OTHER_UUID)).toBe(false)
  })

  it('that are known stay known while the store is away; of others nobody can tell', async () => {
    await using dns = await startDcvDnsOnStore([])
    const { store, fail, zoneReads } = watched(dns.store)
    const records = createStoreDcvRecords({ store, clock })
    await records.hasDelegation(UUID)
    fail()
    await clock.advance(3_600_000)
    expect(await records.hasDelegation(UUID)).toBe(true)
    await expect(records.hasDelegation(OTHER_UUID)).rejects.toThrow('away')
    await expect(records.hasDelegation(OTHER_UUID)).rejects.toThrow('away')
    expect(zoneReads()).toBe(2)
  })
})

describe('a store that is away', () => {
  it('is SERVFAIL for its names, one line in the log, and no reason to stop', async () => {
    const lines: string[] = []
    const log = createLogger({ write: (line) => lines.push(line) })
    const record = withDnsOrders('a.com', { ecdsa: ['one'] })
    await using dns = await startDcvDnsOnStore([record], { log })
    await dig(dns.address, `${UUID}.${DCV_ZONE}`, 'A')
    await dns.store.close()
    for (const host of ['a.com', 'b.com', 'com']) {
      const answer = await dig(dns.address, `${host}.${UUID}.${DCV_ZONE}`, 'TXT')
      expect(answer).toMatchObject({ status: 'SERVFAIL', flags: ['qr'], answer: [] })
    }
    expect((await dig(dns.address, DCV_ZONE, 'SOA')).status).toBe('NOERROR')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', msg: 'DNS answers SERVFAIL: names cannot be looked up' },
    ])
    const metric = 'custos_dns_queries_total{transport="udp",type="TXT",rcode="SERVFAIL"} 3'
    expect(await dns.metrics()).toContain(metric)
  })
})
