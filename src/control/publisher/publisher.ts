import { DirectoryError, type DirectoryPublisher } from '#directory/directory.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Hostname } from '#domain/hostname.ts'
import { Alarm } from '#lib/alarm.ts'
import { backoffMs } from '#lib/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import { SingleFlight } from '#lib/single-flight.ts'
import { StoreError, type OutboxRow, type Store } from '#store/store.ts'

import { createAnswerCarrier, type AnswerCarrier } from './answer-carrier.ts'
import { createNameCarrier, type CarryName } from './name-carrier.ts'
import { NamesBelow } from './names-below.ts'
import { HOLD_ID } from './render-binding.ts'

/**
 * Carries facts from the store to the directory: outbox row → binding + change entry → row done.
 *
 * What is written is always the newest binding, so a row that is worked on twice (two control
 * processes, a crash between the two writes) does no harm. While the directory is away the rows wait.
 * When the directory turns out to be empty (it has no epoch: first start, or lost), or to be an older
 * copy of itself (it lacks the newest change: a Redis that came back with its last snapshot),
 * everything is published again and only then declared filled.
 */
export interface Publisher extends AsyncDisposable {
  /** There may be new rows. */
  wake(): void
  /** Publishes one hostname now, as its row would. @returns false while the directory is away */
  publishNow(id: string): Promise<boolean>
  /** Puts what an edge must answer on port 80 for this record. */
  putAnswers(record: CustomHostname): Promise<void>
  /** Removes those answers that were put for `before` and that nobody wants any more. */
  removeAnswers(before: CustomHostname, after?: CustomHostname): Promise<void>
  /**
   * Gives the edges what they are to have of the name now: a hold of it was put or removed.
   *
   * @throws {DirectoryError} while the directory is away
   */
  publishName(hostname: Hostname): Promise<void>
  /** Publishes every hostname again and sweeps leftovers. @returns how many were published */
  republish(): Promise<number>
  /** Whether the last contact with the directory succeeded. */
  readonly isConnected: boolean
  close(): Promise<void>
}

export interface PublisherOptions {
  store: Store
  directory: DirectoryPublisher
  clock: Clock
  random: Random
  log: Logger
  /** Called after each publication that reached the directory. */
  onPublished: (hostnameId: string) => void
  /** Called before a directory that lost what it held is filled again. */
  onLoss?: () => void
}

const BATCH = 100
const EPOCH_CHECK_MS = 5_000

export function startPublisher(options: PublisherOptions): Publisher {
  return new OutboxPublisher(options)
}

class OutboxPublisher implements Publisher {
  readonly #options: PublisherOptions
  readonly #closing = new AbortController()
  readonly #publications = new SingleFlight<string, void>()
  readonly #running: Promise<void>
  readonly #alarm: Alarm
  /** Rows that cannot be published for a reason of their own: hostname id → serial. */
  readonly #setAside = new Map<string, number>()
  readonly #below: NamesBelow
  readonly #fillings = new SingleFlight<string, void>()
  readonly #carry: CarryName
  readonly #answers: AnswerCarrier
  #failures = 0

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#carry = createNameCarrier(options)
    this.#answers = createAnswerCarrier(options)
    const publish = (row: OutboxRow): Promise<void> => this.#publishOrSetAside(row)
    this.#below = new NamesBelow({ ...options, publish, signal: this.#closing.signal })
    this.#alarm = new Alarm(options.clock)
    this.#running = this.#run()
  }

  get isConnected(): boolean {
    return this.#failures === 0
  }

  wake(): void {
    this.#alarm.wake()
  }

  async publishNow(id: string): Promise<boolean> {
    const record = await this.#options.store.hostnames.find(id)
    if (!record) return true
    try {
      await this.#ensureFilled()
      await this.#publishOnce({ hostnameId: id, serial: record.deployment.serial })
      return true
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error
      this.wake()
      return false
    }
  }

  async publishName(hostname: Hostname): Promise<void> {
    const { store, directory } = this.#options
    await this.#ensureFilled()
    const isHeld = (await store.holds.find(hostname)) !== undefined
    const released = isHeld ? undefined : await directory.withdraw(hostname, HOLD_ID)
    const change = (await this.#carry(hostname)) ?? released
    if (change !== undefined) await store.outbox.noteChange(change)
  }

  putAnswers(record: CustomHostname): Promise<void> {
    return this.#answers.put(record)
  }

  removeAnswers(before: CustomHostname, after?: CustomHostname): Promise<void> {
    return this.#answers.remove(before, after)
  }

  async republish(): Promise<number> {
    const { store, directory, random, log } = this.#options
    const count = await store.outbox.enqueueAll()
    this.#setAside.clear()
    await this.#publishHolds()
    await this.#drain()
    // Closing cuts the draining short: half filled must not be called filled.
    this.#closing.signal.throwIfAborted()
    const swept = await directory.sweep((name, id) => this.#isKnown(name, id))
    await store.outbox.noteChange(await directory.writeEpoch(random.uuid()))
    log.info({ count, swept }, 'directory filled from the store')
    return count
  }

  async close(): Promise<void> {
    this.#closing.abort(new DOMException('closing', 'AbortError'))
    this.wake()
    await this.#running
    await this.#below.settled()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.#options
    while (!this.#closing.signal.aborted) {
      try {
        await this.#ensureFilled()
        await this.#drain()
        if (this.#failures > 0) log.info({}, 'directory reachable again')
        this.#failures = 0
        await this.#alarm.sleep(EPOCH_CHECK_MS)
      } catch (error) {
        if (this.#closing.signal.aborted) return
        this.#failures++
        const retryInMs = backoffMs(this.#failures, random.fraction(), {
          firstMs: 100,
          maxMs: 5_000,
        })
        log.warn({ err: error, failures: this.#failures, retryInMs }, 'cannot publish, will retry')
        await clock.sleep(retryInMs, this.#closing.signal).catch(() => {})
      }
    }
  }

  /**
   * Before anything is published, and now and then: the directory may have come back as another one.
   * What is published into one that lost its reports would count as applied by too few.
   */
  #ensureFilled(): Promise<void> {
    return this.#fillings.run('directory', async () => {
      const loss = await this.#findLoss()
      if (!loss) return
      this.#options.log.info({}, `the directory ${loss}: filling it from the store`)
      this.#options.onLoss?.()
      await this.republish()
    })
  }

  async #findLoss(): Promise<string | undefined> {
    const { store, directory } = this.#options
    if ((await directory.readEpoch()) === undefined) return 'is empty'
    const newest = await store.outbox.newestChange()
    const isOlder = newest !== undefined && (await directory.hasLost(newest))
    return isOlder ? 'is an older copy of itself' : undefined
  }

  /** A record that cannot be read may well be served: its binding stays. */
  async #isKnown(name: Hostname, id: string): Promise<boolean> {
    const { store, log } = this.#options
    if (id === HOLD_ID) return (await store.holds.find(name)) !== undefined
    try {
      const record = await store.hostnames.find(id)
      return record?.hostname === name && !record.removal
    } catch (error) {
      if (!isOfOneHostname(error)) throw error
      log.error({ err: error, hostnameId: id }, 'kept the binding of an unreadable hostname')
      return true
    }
  }

  async #drain(): Promise<void> {
    const { store } = this.#options
    while (!this.#closing.signal.aborted) {
      const listed = await store.outbox.list(BATCH + this.#setAside.size)
      const rows = listed.filter(
        ({ hostnameId, serial }) => this.#setAside.get(hostnameId) !== serial,
      )
      if (rows.length === 0) return
      const results = await Promise.allSettled(rows.map((row) => this.#publishOrSetAside(row)))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
    }
  }

  /**
   * A fault of one hostname must not hold up the others: its row stays, and is tried again when it
   * has a newer serial, at the next republishing, or by the next process. @throws {DirectoryError}
   */
  async #publishOrSetAside(row: OutboxRow): Promise<void> {
    try {
      await this.#publishOnce(row)
    } catch (error) {
      if (!isOfOneHostname(error)) throw error
      this.#setAside.set(row.hostnameId, row.serial)
      this.#options.log.error({ err: error, ...row }, 'cannot publish this hostname')
    }
  }

  #publishOnce(row: OutboxRow): Promise<void> {
    return this.#publications.run(row.hostnameId, () => this.#publish(row))
  }

  /** Whichever record of a name has a row: the edges get the binding of the one that is served. */
  async #publish(row: OutboxRow): Promise<void> {
    const { store, directory, onPublished } = this.#options
    const record = await store.hostnames.find(row.hostnameId)
    if (!record) return
    if (record.removal) await this.removeAnswers(record)
    const { hostname, id } = record
    const withdrawn = record.removal && (await directory.withdraw(hostname, id))
    const carried = await this.#carry(hostname)
    const changeId = carried ?? withdrawn ?? (await directory.withdraw(hostname, id))
    if (record.ssl?.wildcard) this.#below.publish(record)
    await store.outbox.complete(
      { hostnameId: record.id, serial: record.deployment.serial },
      changeId,
    )
    onPublished(record.id)
  }

  async #publishHolds(): Promise<void> {
    const { holds } = this.#options.store
    for (let page = 1; ; page++) {
      this.#closing.signal.throwIfAborted()
      const { items } = await holds.list({ page, perPage: BATCH })
      for (const { domain } of items) await this.#carry(domain)
      if (items.length < BATCH) return
    }
  }
}

/** Whether it is the fault of one hostname's record, not of the store or the directory. */
function isOfOneHostname(error: unknown): boolean {
  const isOfStore = error instanceof StoreError && error.kind !== 'corrupt'
  return !isOfStore && !(error instanceof DirectoryError)
}
