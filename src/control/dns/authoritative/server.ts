import type { NameServer } from '#domain/name-server.ts'
import type { Clock } from '#lib/clock.ts'
import type { ListenAddress } from '#lib/listen-address.ts'
import { ListenError } from '#lib/listen-error.ts'
import type { Logger } from '#lib/log.ts'
import type { Metrics } from '#lib/metrics.ts'

import type { DcvRecords } from './dcv-records.ts'
import { DnsMetrics } from './dns-metrics.ts'
import { createHandler, type Handler } from './handler.ts'
import { Lookups, type LookupsOptions } from './lookups.ts'
import { RateLimiter, type RateLimiterOptions } from './rate-limiter.ts'
import { createResponder } from './responder.ts'
import { createServedZone } from './served-zone.ts'
import { TcpListener, type TcpLimits } from './tcp-listener.ts'
import { UdpListener } from './udp-listener.ts'

/** The authoritative DNS server of the DCV delegation zone: answers for it, recurses for nobody. */
export interface AuthoritativeServer extends AsyncDisposable {
  /** Where it listens, by UDP and TCP. */
  readonly addresses: readonly ListenAddress[]
  /** An order was opened or ended: what was looked up a moment ago does not count any more. */
  forget(): void
  /** Answers what was asked, then stops. Idempotent. */
  close(): Promise<void>
}

export interface AuthoritativeServerOptions {
  /** Name of the zone, in normal form. */
  zone: string
  /** At least one. */
  nameServers: readonly NameServer[]
  /** IP addresses, not names. */
  listen: readonly ListenAddress[]
  records: DcvRecords
  clock: Clock
  log: Logger
  metrics: Metrics
  limits?: {
    responses?: Omit<RateLimiterOptions, 'clock'>
    lookups?: Omit<LookupsOptions, 'records' | 'clock'>
    tcp?: Partial<TcpLimits>
  }
}

/** @throws {ListenError} what was started is closed again */
export async function startAuthoritativeServer(
  options: AuthoritativeServerOptions,
): Promise<AuthoritativeServer> {
  const { zone: name, nameServers, records, clock, log, limits = {} } = options
  const metrics = new DnsMetrics(options.metrics)
  const zone = createServedZone({ name, nameServers })
  const lookups = new Lookups({ records, clock, ...limits.lookups })
  const respond = createResponder({ zone, lookups, metrics, clock, log })
  const limiter = new RateLimiter({ clock, ...limits.responses })
  const handle = createHandler({ zone, respond, limiter, metrics })

  await using started = new AsyncDisposableStack()
  const addresses: ListenAddress[] = []
  for (const address of options.listen) {
    addresses.push(await listenBoth(address, { handle, metrics, clock, log, limits, started }))
  }
  const owned = started.move()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= owned.disposeAsync())
  return { addresses, forget: () => lookups.forget(), close, [Symbol.asyncDispose]: close }
}

interface Listening {
  handle: Handler
  metrics: DnsMetrics
  clock: Clock
  log: Logger
  limits: NonNullable<AuthoritativeServerOptions['limits']>
  started: AsyncDisposableStack
}

const PORT_TRIES = 10

/** Of "any free port" TCP's is taken, so UDP may find it taken: then another one is. */
async function listenBoth(address: ListenAddress, on: Listening): Promise<ListenAddress> {
  for (let tries = 1; ; tries++) {
    const { handle, clock, metrics, log, limits, started } = on
    const tcp = await TcpListener.start({
      address,
      handle,
      clock,
      metrics,
      log,
      limits: limits.tcp ?? {},
    })
    const bound = { host: address.host, port: tcp.port }
    try {
      const udp = await UdpListener.start({ address: bound, handle, log })
      started.defer(() => tcp.close())
      started.defer(() => udp.close())
      return bound
    } catch (error) {
      await tcp.close()
      const isTaken = error instanceof ListenError && error.kind === 'address-in-use'
      if (!isTaken || address.port !== 0 || tries === PORT_TRIES) throw error
    }
  }
}
