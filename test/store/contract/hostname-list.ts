import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import { parseHostname } from '#domain/hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import { DEPLOYMENT_DEADLINE_MS } from '#domain/advance-issuance.ts'
import { hostnameStatus, sslStatus, type SslStatus } from '#domain/status.ts'
import type { HostnameFilter, Store } from '#store/store.ts'
import type { Page } from '#store/page.ts'
import { aHostname, anActiveHostname, anOrder, aZone, NOON } from '#test/records.ts'

import { createAll, openWithZone, type OpenStore } from './store-under-test.ts'

const ALL = { page: 1, perPage: 100 } as const
const DAY = 86_400_000

async function names(store: Store, filter: HostnameFilter, page: Page = ALL): Promise<string[]> {
  const { items } = await store.hostnames.list(aZone().id, filter, page)
  return items.map(({ hostname }) => hostname)
}

const named = (name: string, change: Partial<CustomHostname> = {}, now = NOON): CustomHostname =>
  aHostname({ hostname: parseHostname(name), ...change }, now)

export function hostnameListContract(open: OpenStore): void {
  describe('the list of custom hostnames', () => {
    it('has pages and the total over all of them', async () => {
      await using opened = await openWithZone(open)
      const records = Array.from({ length: 5 }, (_, n) => aHostname({}, NOON + n))
      await createAll(opened.store, records.toReversed())
      const page = (number: number) =>
        opened.store.hostnames.list(aZone().id, {}, { page: number, perPage: 2 })
      expect(await page(1)).toEqual({ items: records.slice(0, 2), total: 5 })
      expect(await page(3)).toEqual({ items: records.slice(4), total: 5 })
      expect(await page(4)).toEqual({ items: [], total: 5 })
      expect(await opened.store.hostnames.count(aZone().id)).toBe(5)
    })

    it('refuses a page that is none', async () => {
      await using opened = await openWithZone(open)
      for (const page of [
        { page: 0, perPage: 2 },
        { page: 1.5, perPage: 2 },
        { page: 1, perPage: 0 },
        { page: 1, perPage: 1e9 },
      ]) {
        await expect(opened.store.hostnames.list(aZone().id, {}, page)).rejects.toThrow(RangeError)
      }
    })

    it('holds one zone only', async () => {
      await using opened = await openWithZone(open)
      const other = aZone({ id: 'b'.repeat(32), name: 'other' })
      await opened.store.zones.create(other)
      await createAll(opened.store, [aHostname(), aHostname({ zoneId: other.id })])
      const { items, total } = await opened.store.hostnames.list(other.id, {}, ALL)
      expect([items.map(({ zoneId }) => zoneId), total]).toEqual([[other.id], 1])
      expect(await opened.store.hostnames.list('none', {}, ALL)).toEqual({ items: [], total: 0 })
    })

    it('is in order of creation, of name or of the certificate’s status, either way', async () => {
      await using opened = await openWithZone(open)
      const middle = named('m.customer.com', {}, NOON)
      const first = named('a.customer.com', { ssl: undefined, chains: [] }, NOON + 1)
      const issued = anActiveHostname({ hostname: parseHostname('z.customer.com') })
      const last = { ...issued, createdAt: NOON + 2 }
      await createAll(opened.store, [first, last, middle])
      const order = async (page: Partial<Page>): Promise<string> =>
        (await names(opened.store, {}, { ...ALL, ...page })).map((name) => name[0]).join('')
      expect(await order({})).toBe('maz')
      expect(await order({ direction: 'desc' })).toBe('zam')
      expect(await order({ order: 'hostname' })).toBe('amz')
      expect(await order({ order: 'hostname', direction: 'desc' })).toBe('zma')
      expect(await order({ order: 'ssl_status' })).toBe('azm')
      expect(await order({ order: 'ssl_status', direction: 'desc' })).toBe('mza')
    })

    it('filters by id, and by the whole, the start or a part of the name', async () => {
      await using opened = await openWithZone(open)
      const record = named('app.customer.com')
      await createAll(opened.store, [record, named('apx.customer.com'), named('x_y.other.org')])
      const { store } = opened
      expect(await names(store, { id: record.id })).toEqual(['app.customer.com'])
      expect(await names(store, { hostname: 'App.customer.com' })).toEqual(['app.customer.com'])
      expect(await names(store, { hostname: 'customer.com' })).toEqual([])
      expect(await names(store, { hostnameStartsWith: 'AP' })).toHaveLength(2)
      expect(await names(store, { hostnameStartsWith: 'customer' })).toEqual([])
      expect(await names(store, { hostnameContains: 'Customer' })).toHaveLength(2)
      expect(await names(store, { hostnameContains: 'p.c' })).toEqual(['app.customer.com'])
    })

    it('takes wildcards of the query language in a filter as letters', async () => {
      await using opened = await openWithZone(open)
      await createAll(opened.store, [named('x_y.customer.com'), named('xzy.customer.com')])
      const { store } = opened
      expect(await names(store, { hostnameContains: 'x_y' })).toEqual(['x_y.customer.com'])
      expect(await names(store, { hostnameContains: '%' })).toEqual([])
      expect(await names(store, { hostnameContains: '\\' })).toEqual([])
      expect(await names(store, { hostnameStartsWith: 'x%' })).toEqual([])
      expect(await names(store, { hostname: `' OR 1=1 --` })).toEqual([])
    })

    it('filters by what is configured', async () => {
      await using opened = await openWithZone(open)
      const { ssl } = aHostname()
      if (!ssl) throw new Error('has a certificate')
      await createAll(opened.store, [
        named('plain.customer.com', { ssl: undefined, chains: [] }),
        named('wild.customer.com', { ssl: { ...ssl, wildcard: true } }),
        named('google.customer.com', { ssl: { ...ssl, certificateAuthority: 'google' } }),
        named('own.customer.com', { customOriginServer: 'Origin.Customer.com' }),
      ])
      const { store } = opened
      expect(await names(store, { hasSsl: false })).toEqual(['plain.customer.com'])
      expect(await names(store, { hasSsl: true })).toHaveLength(3)
      expect(await names(store, { wildcard: true })).toEqual(['wild.customer.com'])
      expect(await names(store, { wildcard: false })).toHaveLength(3)
      expect(await names(store, { certificateAuthority: 'google' })).toEqual([
        'google.customer.com',
      ])
      expect(await names(store, { customOriginServer: 'origin.customer.com' })).toEqual([
        'own.customer.com',
      ])
      const both: HostnameFilter = { hasSsl: true, wildcard: false }
      expect((await store.hostnames.list(aZone().id, both, { page: 1, perPage: 1 })).total).toBe(2)
    })

    it('tells a certificate that has expired since the record was written', async () => {
      await using opened = await openWithZone(open)
      const { store, clock } = opened
      await store.hostnames.create(anActiveHostname())
      expect(await names(store, { sslStatus: 'active' })).toHaveLength(1)
      expect(await names(store, { sslStatus: 'expired' })).toHaveLength(0)
      clock.jump(NOON + 90 * DAY)
      expect(await names(store, { sslStatus: 'active' })).toHaveLength(0)
      expect(await names(store, { sslStatus: 'expired' })).toHaveLength(1)
    })

    it('agrees with the statuses that the domain derives, at any instant', async () => {
      await using opened = await openWithZone(open)
      const { store, clock } = opened
      const page = fc.record({ record: records, instants: fc.array(instant, { maxLength: 3 }) })
      await fc.assert(
        fc.asyncProperty(page, async ({ record, instants }) => {
          await store.hostnames.create(record)
          for (const now of [NOON, ...instants]) {
            clock.jump(now)
            const ssl: SslStatus | undefined = sslStatus(record, now)
            const filter: HostnameFilter = {
              id: record.id,
              hostnameStatus: hostnameStatus(record),
              hasSsl: ssl !== undefined,
              ...(ssl && { sslStatus: ssl }),
            }
            expect(await names(store, filter)).toEqual([record.hostname])
          }
          await store.hostnames.remove(record.id)
        }),
        { numRuns: 80 },
      )
    })
  })
}

const instant = fc.integer({ min: NOON - 5, max: NOON + 10 })

const issuance: fc.Arbitrary<Issuance> = fc.oneof(
  fc.record({ state: fc.constant('scheduled'), nextAt: instant, failures: fc.nat(1) }),
  fc.record({
    state: fc.constant('validating'),
    order: fc.constant(anOrder()),
    since: instant,
    nextAt: instant,
    failures: fc.constant(0),
  }),
  fc.record({
    state: fc.constant('deploying'),
    certificateId: fc.constant('c'),
    serial: fc.constant(1),
    renewAt: instant,
    nextAt: instant,
    failures: fc.constant(0),
  }),
  fc.record({
    state: fc.constant('issued'),
    certificateId: fc.constant('c'),
    renewAt: instant,
    nextAt: instant,
    failures: fc.constant(0),
  }),
  fc.record({
    state: fc.constant('timed_out'),
    phase: fc.constantFrom('initializing', 'validation', 'issuance', 'deployment'),
    since: instant,
    problem: fc.constant('gave up'),
  }),
)

const certificate = fc.option(
  fc.record({ id: fc.constant('c'), notBefore: fc.constant(NOON), notAfter: instant }),
  { nil: undefined },
)

const records: fc.Arbitrary<CustomHostname> = fc
  .record({
    chains: fc.array(fc.record({ certificate, issuance }), { minLength: 2, maxLength: 2 }),
    ownership: fc.constantFrom<CustomHostname['ownership'][]>(
      { state: 'pending', since: NOON, attempts: 0, nextAt: NOON, errors: [] },
      { state: 'verified', at: NOON, by: 'http', serial: 2 },
      { state: 'deleted', since: NOON, errors: [] },
    ),
    appliedSerial: fc.integer({ min: 0, max: 3 }),
    removal: fc.option(
      fc.record({
        requestedAt: instant.map((at) => at - DEPLOYMENT_DEADLINE_MS),
        serial: fc.constant(3),
      }),
      { nil: undefined },
    ),
  })
  .map(({ chains: [ecdsa, rsa], ownership, appliedSerial, removal }) => {
    const deployment = { serial: 3, published: undefined, appliedSerial }
    const fresh = aHostname({ ownership, removal, deployment })
    const chains = [
      { keyAlgorithm: 'ecdsa' as const, ...(ecdsa ?? noChain()) },
      { keyAlgorithm: 'rsa' as const, ...(rsa ?? noChain()) },
    ]
    return { ...fresh, chains }
  })

function noChain(): never {
  throw new Error('two chains are drawn')
}
