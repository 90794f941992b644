import {
  DirectoryError,
  HEARTBEAT_TTL_MS,
  type ChangeId,
  type DirectoryPublisher,
} from '#directory/directory.ts'
import { advance } from '#domain/advance-issuance.ts'
import type { Certificate } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { Alarm } from '#lib/alarm.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Store } from '#store/store.ts'

import { EdgeRoll } from './edge-roll.ts'
import { settleFallbackOrigins } from './fallback-origins.ts'
import { retryRivals } from './rivals.ts'
import type { SightingRecorder } from './sighting-recorder.ts'
import { tellStatus } from './tell-status.ts'

/**
 * Knows when a publication is applied by every live edge, and records it: that is what turns
 * `pending_deployment` into `active`, and what ends a removal.
 *
 * While something is under way the edges' reports are read every `POLL_MS`; otherwise nothing is
 * read but, now and then, the store, for what another control process published.
 */
export interface Deployments extends AsyncDisposable {
  /** A publication of this hostname reached the directory. */
  watch(hostnameId: string): void
  /** Resolves true once the record's serial at the time of the call is applied, false at the time-out. */
  whenApplied(record: CustomHostname, timeoutMs: number): Promise<boolean>
  /** The directory lost what it held: edges that have yet to report again are waited for. */
  noteLoss(): void
  close(): Promise<void>
}

export interface DeploymentsOptions {
  store: Store
  directory: DirectoryPublisher
  clock: Clock
  log: Logger
  /**
   * A hostname is gone from the edges and from the store: another zone may have its name now. Called
   * with the last of it, and with its certificates, whose keys are destroyed.
   */
  onRemoved?: (record: CustomHostname, certificates: readonly Certificate[]) => void
  /** Gets the edges' reports every few seconds. */
  recordSightings?: SightingRecorder
}

const POLL_MS = 25
const SWEEP_MS = 5_000
const SWEEP_LIMIT = 1_000
/** While nobody serves there is nothing to hurry for. */
const EDGELESS_PAUSE_MS = 1_000

interface Waiter {
  serial: number
  settle: (isApplied: boolean) => void
}

export function startDeployments(options: DeploymentsOptions): Deployments {
  return new DeploymentWatcher(options)
}

class DeploymentWatcher implements Deployments {
  readonly #options: DeploymentsOptions
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  /**
   * Hostnames whose newest publication may not be applied yet, with the place that every edge must
   * have reached before it is worth reading the record again; undefined: not known.
   */
  readonly #open = new Map<string, ChangeId | undefined>()
  readonly #waiters = new Map<string, Set<Waiter>>()
  readonly #alarm: Alarm
  readonly #edges = new EdgeRoll()
  #sweptAt = -Infinity
  /** Since when no edge has reported. */
  #edgelessSince: number | undefined

  constructor(options: DeploymentsOptions) {
    this.#options = options
    this.#alarm = new Alarm(options.clock)
    this.#running = this.#run()
  }

  watch(hostnameId: string): void {
    this.#open.set(hostnameId, undefined)
    if (this.#open.size === 1) this.#alarm.wake()
  }

  whenApplied(record: CustomHostname, timeoutMs: number): Promise<boolean> {
    const { serial, appliedSerial } = record.deployment
    if (appliedSerial >= serial) return Promise.resolve(true)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiters = this.#waiters.get(record.id) ?? new Set()
    const timer = this.#options.clock.after(timeoutMs, () => waiter.settle(false))
    const waiter: Waiter = {
      serial,
      settle: (isApplied) => {
        timer.cancel()
        waiters.delete(waiter)
        if (waiters.size === 0) this.#waiters.delete(record.id)
        resolve(isApplied)
      },
    }
    this.#waiters.set(record.id, waiters.add(waiter))
    this.watch(record.id)
    return promise
  }

  noteLoss(): void {
    this.#edges.noteLoss(this.#options.clock.now())
  }

  async close(): Promise<void> {
    this.#closing.abort(new DOMException('closing', 'AbortError'))
    this.#alarm.wake()
    await this.#running
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.settle(false)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    while (!this.#closing.signal.aborted) {
      try {
        await this.#sweep()
        if (this.#open.size > 0) await this.#pass()
      } catch (error) {
        if (!(error instanceof DirectoryError))
          log.error({ err: error }, 'cannot follow deployments')
        await clock.sleep(1_000, this.#closing.signal).catch(() => {})
      }
      await this.#alarm.sleep(this.#open.size > 0 ? POLL_MS : SWEEP_MS)
    }
  }

  /** Finds what was published before this process started, or by another one. */
  async #sweep(): Promise<void> {
    const { store, directory, clock, log } = this.#options
    const sinceMs = clock.now() - this.#sweptAt
    // Less than nothing: the clock was set back.
    if (sinceMs >= 0 && sinceMs < SWEEP_MS) return
    const edges = await directory.listEdges(clock.now())
    this.#edges.observe(edges, clock.now())
    await this.#options.recordSightings?.(edges)
    const undeployed = await store.hostnames.listUndeployed(SWEEP_LIMIT)
    for (const { id } of undeployed) this.#open.set(id, undefined)
    if (undeployed.length < SWEEP_LIMIT) {
      for (const { zone, outcome } of await settleFallbackOrigins(store.zones, undeployed)) {
        log.info({ zone: zone.name }, `fallback origin ${outcome}`)
      }
    }
    this.#sweptAt = clock.now()
  }

  async #pass(): Promise<void> {
    const { directory, clock } = this.#options
    const edges = await directory.listEdges(clock.now())
    const appliedByAll = this.#edges.observe(edges, clock.now())
    if (edges.length === 0) return this.#passWithoutEdges()
    this.#edgelessSince = undefined
    if (appliedByAll === undefined) return
    for (const [id, awaited] of this.#open) {
      if (awaited === undefined || awaited <= appliedByAll) await this.#check(id, appliedByAll)
    }
  }

  /**
   * Nothing is active where nobody serves, but what was removed is served by nobody either, once
   * there was no edge for so long that one that is only slow would have reported.
   */
  async #passWithoutEdges(): Promise<void> {
    const { store, clock } = this.#options
    this.#edgelessSince ??= clock.now()
    if (clock.now() - this.#edgelessSince < HEARTBEAT_TTL_MS) return
    for (const id of this.#open.keys()) {
      const record = await store.hostnames.find(id)
      if (!record) this.#settle(id, Infinity)
      else if (isRemovalPublished(record)) await this.#finishRemoval(record)
    }
    await clock.sleep(EDGELESS_PAUSE_MS, this.#closing.signal).catch(() => {})
  }

  /** Records what is applied of one hostname; it stays open while something is not. */
  async #check(id: string, appliedByAll: ChangeId): Promise<void> {
    const { store } = this.#options
    const record = await store.hostnames.find(id)
    if (!record) return this.#settle(id, Infinity)
    const { serial, published, appliedSerial } = record.deployment
    if (!published) return
    if (published.changeId > appliedByAll) return void this.#open.set(id, published.changeId)
    if (isRemovalPublished(record)) return this.#finishRemoval(record)
    if (published.serial > appliedSerial) await this.#recordApplied(id, published.serial)
    this.#settle(id, published.serial, published.serial >= serial)
  }

  async #recordApplied(id: string, serial: number): Promise<void> {
    const { store, clock, log } = this.#options
    const now = clock.now()
    let before: CustomHostname | undefined
    const after = await store.hostnames.update(id, (current) => {
      before = current
      return { record: withApplied(current, serial, now) }
    })
    if (before && after) tellStatus({ before, after }, { log, now })
    log.debug({ hostname: after?.hostname, serial }, 'deployed')
  }

  async #finishRemoval(record: CustomHostname): Promise<void> {
    const certificates = await this.#options.store.certificates.listByHostname(record.id)
    const isOurs = await this.#options.store.hostnames.remove(record.id)
    await retryRivals(record, this.#options)
    // Where another process was faster, it tells.
    if (isOurs) this.#options.onRemoved?.(record, certificates)
    this.#options.log.info({ hostname: record.hostname, hostnameId: record.id }, 'hostname removed')
    this.#settle(record.id, Infinity)
  }

  #settle(id: string, appliedSerial: number, isDone = true): void {
    if (isDone) this.#open.delete(id)
    for (const waiter of this.#waiters.get(id) ?? []) {
      if (waiter.serial <= appliedSerial) waiter.settle(true)
    }
  }
}

function isRemovalPublished({ removal, deployment: { published } }: CustomHostname): boolean {
  return removal !== undefined && published !== undefined && published.serial >= removal.serial
}

/** Pure: the publication `serial` is applied everywhere. */
export function withApplied(record: CustomHostname, serial: number, now: number): CustomHostname {
  const chains = record.chains.map((chain) => {
    const { issuance } = chain
    const isApplied = issuance.state === 'deploying' && issuance.serial <= serial
    return isApplied ? { ...chain, issuance: advance(issuance, { type: 'deployed' }, now) } : chain
  })
  const appliedSerial = Math.max(record.deployment.appliedSerial, serial)
  return { ...record, chains, deployment: { ...record.deployment, appliedSerial } }
}
