import type { LookupFunction } from 'node:net'

import type { Clock } from '#lib/clock.ts'

import { ProxyError } from '../error.ts'
import type { HttpLimits } from '../http-limits.ts'
import { Sweeper, type Timed } from '../sweeper.ts'
import { createOriginLookup } from './origin-lookup.ts'
import { createOriginTls, type OriginTls } from './origin-tls.ts'
import type { Target } from './target.ts'
import {
  UpstreamConnection,
  type ConnectionDeps,
  type ConnectionOwner,
} from './upstream-connection.ts'

/** Waits for a connection; hears one of the two, once, perhaps before `acquire` returns. */
export interface Waiter {
  /** The connection is open and nobody else's until its response is complete. */
  onConnection(connection: UpstreamConnection): void
  onNoConnection(error: ProxyError): void
}

/** Connections to origins, kept for reuse. */
export interface Upstream {
  /** @param fresh never a connection that was used before @default false */
  acquire(target: Target, waiter: Waiter, fresh?: boolean): void
  /** The waiter goes away: it hears nothing more. */
  cancel(target: Target, waiter: Waiter): void
  readonly stats: UpstreamStats
  /** Closes every connection, running ones too. Idempotent. */
  close(): void
}

/** Numbers for metrics, always current. */
export interface UpstreamStats {
  /** Connections, also those being made. */
  open: number
  idle: number
  /** Since start. */
  dialled: number
  reused: number
  waiting: number
}

export interface UpstreamOptions {
  clock: Clock
  limits: HttpLimits
  /** @default verifies against the built-in roots */
  tls?: OriginTls
  /** @default the system's resolver, `.localhost` as loopback */
  lookup?: LookupFunction
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const { clock, limits } = options
  return new PooledUpstream({
    limits,
    sweeper: new Sweeper(clock, limits.sweepMs),
    tls: options.tls ?? createOriginTls(),
    lookup: options.lookup ?? createOriginLookup({ clock }),
  })
}

type Shared = Pick<ConnectionDeps, 'limits' | 'sweeper' | 'tls' | 'lookup'>

class PooledUpstream implements Upstream {
  readonly shared: Shared
  readonly stats: UpstreamStats = { open: 0, idle: 0, dialled: 0, reused: 0, waiting: 0 }
  /** Idle connections of all pools, the longest unused first. */
  readonly idle = new Set<UpstreamConnection>()
  readonly #pools = new Map<string, OriginPool>()
  #isClosed = false

  constructor(shared: Shared) {
    this.shared = shared
  }

  acquire(target: Target, waiter: Waiter, fresh = false): void {
    if (this.#isClosed) {
      return waiter.onNoConnection(new ProxyError('shutting_down', 'Cannot connect: closed'))
    }
    let pool = this.#pools.get(target.key)
    if (!pool) {
      pool = new OriginPool(target, this)
      this.#pools.set(target.key, pool)
    }
    pool.acquire(waiter, fresh)
  }

  cancel(target: Target, waiter: Waiter): void {
    this.#pools.get(target.key)?.cancel(waiter)
  }

  forget(pool: OriginPool): void {
    this.#pools.delete(pool.target.key)
  }

  /** Keeps the number of idle connections within its bound by closing the longest unused. */
  trim(): void {
    if (this.idle.size <= this.shared.limits.maxIdleConnections) return
    const [oldest] = this.idle
    oldest?.close()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const pool of this.#pools.values()) pool.close()
    this.shared.sweeper.close()
  }
}

/** A waiter in line, with the time by which it must have been served. */
class Place implements Timed {
  readonly waiter: Waiter
  deadline: number
  readonly #pool: OriginPool

  constructor(waiter: Waiter, pool: OriginPool, deadline: number) {
    this.waiter = waiter
    this.deadline = deadline
    this.#pool = pool
  }

  onDeadline(): void {
    this.#pool.giveUp(this, new ProxyError('upstream_busy', 'No connection came free in time'))
  }
}

/** The connections to one origin, and who waits for one, first come first served. */
class OriginPool implements ConnectionOwner {
  readonly target: Target
  readonly #upstream: PooledUpstream
  readonly #connections = new Set<UpstreamConnection>()
  /** The last used is used next, so that those not needed grow old and go. */
  readonly #idle: UpstreamConnection[] = []
  readonly #waiting = new Set<Place>()
  readonly #dialling = new Set<UpstreamConnection>()
  /** Connections that became tunnels: they last, and must not use up the bound. */
  readonly #tunnels = new Set<UpstreamConnection>()
  #session: Buffer | undefined

  constructor(target: Target, upstream: PooledUpstream) {
    this.target = target
    this.#upstream = upstream
  }

  acquire(waiter: Waiter, fresh: boolean): void {
    const idle = fresh ? undefined : this.#takeIdle()
    if (idle) {
      this.#upstream.stats.reused++
      return waiter.onConnection(idle)
    }
    const { limits, sweeper } = this.#upstream.shared
    if (this.#waiting.size >= limits.maxOriginWaiting) {
      return waiter.onNoConnection(new ProxyError('upstream_busy', 'Too many requests waiting'))
    }
    const place = new Place(waiter, this, sweeper.now() + limits.connectMs + limits.originTlsMs)
    this.#waiting.add(place)
    this.#upstream.stats.waiting++
    sweeper.add(place)
    this.#dialAsNeeded()
  }

  cancel(waiter: Waiter): void {
    for (const place of this.#waiting) if (place.waiter === waiter) this.#leave(place)
  }

  giveUp(place: Place, error: ProxyError): void {
    this.#leave(place)
    place.waiter.onNoConnection(error)
  }

  onConnected(connection: UpstreamConnection): void {
    this.#dialling.delete(connection)
    this.#offer(connection)
  }

  onIdle(connection: UpstreamConnection): void {
    this.#offer(connection)
  }

  onDialFailed(_: UpstreamConnection, error: ProxyError): void {
    const [first] = this.#waiting
    if (first) this.giveUp(first, error)
    this.#dialAsNeeded()
    this.#forgetIfUnused()
  }

  onClosed(connection: UpstreamConnection): void {
    if (!this.#connections.delete(connection)) return
    this.#upstream.stats.open--
    this.#dialling.delete(connection)
    this.#tunnels.delete(connection)
    this.#removeIdle(connection)
    this.#dialAsNeeded()
    this.#forgetIfUnused()
  }

  onTunnel(connection: UpstreamConnection): void {
    this.#tunnels.add(connection)
    this.#dialAsNeeded()
  }

  onSession(session: Buffer): void {
    this.#session = session
  }

  close(): void {
    const error = new ProxyError('shutting_down', 'Cannot connect: closed')
    for (const place of this.#waiting) this.giveUp(place, error)
    for (const connection of this.#connections) connection.close()
  }

  #takeIdle(): UpstreamConnection | undefined {
    const connection = this.#idle.pop()
    if (!connection) return undefined
    this.#upstream.idle.delete(connection)
    this.#upstream.stats.idle--
    return connection
  }

  #removeIdle(connection: UpstreamConnection): void {
    if (!this.#upstream.idle.delete(connection)) return
    this.#idle.splice(this.#idle.indexOf(connection), 1)
    this.#upstream.stats.idle--
  }

  #offer(connection: UpstreamConnection): void {
    const [first] = this.#waiting
    if (first) {
      this.#leave(first)
      return first.waiter.onConnection(connection)
    }
    this.#idle.push(connection)
    this.#upstream.idle.add(connection)
    this.#upstream.stats.idle++
    this.#upstream.trim()
  }

  /** As many new connections under way as there are waiters, within the bound. */
  #dialAsNeeded(): void {
    const { limits } = this.#upstream.shared
    while (
      this.#dialling.size < this.#waiting.size &&
      this.#connections.size - this.#tunnels.size < limits.maxOriginConnections
    ) {
      this.#dial()
    }
  }

  #dial(): void {
    this.#upstream.stats.open++
    this.#upstream.stats.dialled++
    const deps = { ...this.#upstream.shared, owner: this, session: this.#session }
    const connection = new UpstreamConnection(this.target, deps)
    this.#dialling.add(connection)
    this.#connections.add(connection)
  }

  #leave(place: Place): void {
    if (!this.#waiting.delete(place)) return
    this.#upstream.shared.sweeper.delete(place)
    this.#upstream.stats.waiting--
  }

  #forgetIfUnused(): void {
    if (this.#connections.size === 0 && this.#waiting.size === 0) this.#upstream.forget(this)
  }
}
