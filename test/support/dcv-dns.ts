import type { DcvRecords } from '#control/dns/authoritative/dcv-records.ts'
import {
  startAuthoritativeServer,
  type AuthoritativeServer,
  type AuthoritativeServerOptions,
} from '#control/dns/authoritative/server.ts'
import { createStoreDcvRecords } from '#control/dns/authoritative/store-dcv-records.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { parseHostname } from '#domain/hostname.ts'
import type { OrderChallenge } from '#domain/order.ts'
import { systemClock } from '#lib/clock.ts'
import type { ListenAddress } from '#lib/listen-address.ts'
import { silentLogger } from '#lib/log.ts'
import { Metrics, renderMetrics } from '#lib/metrics.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import type { Store } from '#store/store.ts'

import { aHostname, anOrder, aZone, NOON, withIssuance } from './records.ts'
import { tempDir } from './temp-dir.ts'

export const DCV_ZONE = 'dcv.saas.test'
/** Of `aZone()`. */
export const UUID = aZone().dcvDelegationUuid

/** Far from every test's end, whatever clock it has. */
const LATER = Date.UTC(2100, 0)

/** A record with open dns-01 orders: for each chain its key authorizations, one a challenge. */
export function withDnsOrders(
  name: string,
  orders: Partial<Record<'ecdsa' | 'rsa', readonly string[]>>,
  options: { expiresAt?: number; change?: Partial<CustomHostname> } = {},
): CustomHostname {
  const { expiresAt = LATER, change } = options
  const hostname = parseHostname(name)
  const challenge = (keyAuthorization: string): OrderChallenge => ({
    type: 'dns-01',
    identifier: hostname,
    url: `challenge/${keyAuthorization}`,
    token: keyAuthorization,
    keyAuthorization,
  })
  return Object.entries(orders).reduce(
    (record, [algorithm, keyAuthorizations]) =>
      withIssuance(record, algorithm === 'rsa' ? 'rsa' : 'ecdsa', {
        state: 'ordered',
        order: anOrder({ expiresAt, challenges: keyAuthorizations.map(challenge) }),
        since: NOON,
        attempts: 0,
        nextAt: NOON,
        failures: 0,
      }),
    aHostname({ hostname, ...change }),
  )
}

export interface DcvDns extends AsyncDisposable {
  server: AuthoritativeServer
  address: ListenAddress
  /** In Prometheus's text form. */
  metrics(): Promise<string>
}

export async function startDcvDns(
  options: Partial<AuthoritativeServerOptions> & { records: DcvRecords },
): Promise<DcvDns> {
  const metrics = new Metrics()
  const server = await startAuthoritativeServer({
    zone: DCV_ZONE,
    nameServers: [
      { name: parseHostname('ns1.dcv.saas.test', TEST_NAMES), addresses: ['192.0.2.53'] },
      { name: parseHostname('b.ns.dcv.saas.test', TEST_NAMES), addresses: ['2001:db8::53'] },
      { name: parseHostname('ns.other.test', TEST_NAMES), addresses: [] },
    ],
    listen: [{ host: '127.0.0.1', port: 0 }],
    clock: systemClock,
    log: silentLogger,
    metrics,
    ...options,
  })
  const [address] = server.addresses
  if (!address) throw new Error('listens nowhere')
  return {
    server,
    address,
    metrics: async () => renderMetrics([await metrics.snapshot()]),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

const TEST_NAMES = { allowReservedTlds: true }

export interface StoreAndDns extends DcvDns {
  store: Store
}

/** The server in front of an SQLite store that has the zone of `aZone()` and these records. */
export async function startDcvDnsOnStore(
  hostnames: readonly CustomHostname[],
  options: Partial<AuthoritativeServerOptions> = {},
): Promise<StoreAndDns> {
  await using stack = new AsyncDisposableStack()
  const dir = stack.use(tempDir())
  const clock = options.clock ?? systemClock
  const sealer = createSealer([Buffer.alloc(32, 1)])
  const store = stack.use(await openSqlStore({ path: `${dir.path}/custos.db`, sealer, clock }))
  await store.zones.create(aZone())
  for (const record of hostnames) await store.hostnames.create(record)
  const records = createStoreDcvRecords({ store, clock })
  const dns = stack.use(await startDcvDns({ records, ...options }))
  const owned = stack.move()
  return { ...dns, store, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
