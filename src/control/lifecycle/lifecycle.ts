import { DirectoryError } from '#directory/directory.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { Alarm } from '#lib/alarm.ts'
import type { Clock } from '#lib/clock.ts'
import { startDeadline } from '#lib/deadline.ts'
import type { Logger } from '#lib/log.ts'
import type { Store } from '#store/store.ts'

/**
 * The one background loop: claims what is due, works on it, sleeps until the next is due.
 *
 * A new hostname and a due renewal go through the same door. Records are leased while they are
 * worked on, so any number of control processes may run; a process that dies leaves a lease that
 * ends by itself, and the record is taken up where it was.
 */
export interface Lifecycle extends AsyncDisposable {
  /**
   * Takes a record that was just written through its first steps: returns when its orders are open
   * (so that the validation records can be shown), or after `BEGIN_BUDGET_MS`; work goes on behind.
   * Never rejects.
   */
  begin(id: string): Promise<void>
  /** Something may have become due. */
  wake(): void
  /** Hostnames being worked on now. */
  readonly running: number
  /** Ends running steps at their next wait; returns when none runs. */
  close(): Promise<void>
}

/** Works on one leased record until nothing of it is due. */
export interface Worker {
  /** @param opened called once the record's first order is open, or cannot be opened now */
  work(id: string, options: { signal: AbortSignal; opened: () => void }): Promise<void>
}

export interface LifecycleOptions {
  store: Store
  worker: Worker
  clock: Clock
  log: Logger
  /** Hostnames worked on at once, of each `Line`, apart from the slow ones. @default 64 */
  concurrency?: number
  /** Slow ones of each line that take none of its places. @default 192 */
  maxSlow?: number
  /** Hostnames begun with by callers; with more the loop begins. @default 256 */
  maxBegun?: number
}

/** So long at most is a record untouched after the death of the process that worked on it. */
const LEASE_MS = 20_000
/** What still runs after this keeps its lease for as long again. */
const EXTEND_MS = 10_000
/**
 * Work stops before its lease ends, so that no record has two workers; what is still due is claimed
 * anew. Longer than any step that is begun in its time (hostname-worker.ts).
 */
const WORK_MS = 26_000
/**
 * What runs for so long waits for somebody's servers. Places are for those who use them: 64 of them,
 * three seconds each, let 21 hostnames a second by, of which 192 are in their next nine seconds.
 */
const SLOW_MS = 3_000
const BEGIN_BUDGET_MS = 1_500
/** Other control processes write too: look at least this often. */
const LONGEST_SLEEP_MS = 5_000
const AFTER_FAILURE_MS = 1_000

export function startLifecycle(options: LifecycleOptions): Lifecycle {
  return new LifecycleLoop(options)
}

/**
 * Who waits has his own line: customers whose DNS is not ready, and slow, take no place from what is
 * new or to be renewed, and neither do those with whom callers begin.
 */
type Line = 'first' | 'again' | 'begun'

interface Job {
  line: Line
  /** Takes no place of its line any more, while not too many do. */
  isSlow: boolean
  done: Promise<void>
  opened: Promise<void>
}

class LifecycleLoop implements Lifecycle {
  readonly #options: LifecycleOptions
  readonly #limits: Readonly<Record<Line, number>>
  readonly #maxSlow: number
  readonly #closing = new AbortController()
  readonly #jobs = new Map<string, Job>()
  /** Callers' hostnames that are being claimed. */
  #claiming = 0
  readonly #alarm: Alarm
  readonly #running: Promise<void>

  constructor(options: LifecycleOptions) {
    this.#options = options
    const { concurrency = 64, maxBegun = 256, maxSlow = 192 } = options
    this.#maxSlow = maxSlow
    this.#limits = { first: concurrency, again: concurrency, begun: maxBegun }
    this.#alarm = new Alarm(options.clock)
    this.#running = this.#run()
  }

  get running(): number {
    return this.#jobs.size
  }

  wake(): void {
    this.#alarm.wake()
  }

  async begin(id: string): Promise<void> {
    const { clock, log } = this.#options
    try {
      if (!this.#jobs.has(id) && this.#roomIn('begun') > this.#claiming) await this.#claimOne(id)
      const job = this.#jobs.get(id)
      if (!job) return
      const budget = Promise.withResolvers<void>()
      const timer = clock.after(BEGIN_BUDGET_MS, budget.resolve)
      await Promise.race([job.opened, budget.promise])
      timer.cancel()
    } catch (error) {
      log.warn({ err: error, hostnameId: id }, 'cannot begin at once, the loop will')
    }
  }

  async #claimOne(id: string): Promise<void> {
    const { store, clock } = this.#options
    this.#claiming += 1
    try {
      const record = await store.hostnames.claim(id, clock.now(), LEASE_MS)
      if (record) this.#take(record, 'begun')
    } finally {
      this.#claiming -= 1
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new DOMException('closing', 'AbortError'))
    this.#alarm.wake()
    await this.#running
    while (this.#jobs.size > 0) await Promise.all([...this.#jobs.values()].map((job) => job.done))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    while (!this.#closing.signal.aborted) {
      try {
        await this.#claim()
        await this.#alarm.sleep(await this.#msUntilNext())
      } catch (error) {
        log.error({ err: error }, 'cannot look for due hostnames, will retry')
        await clock.sleep(AFTER_FAILURE_MS, this.#closing.signal).catch(() => {})
      }
    }
  }

  async #claim(): Promise<void> {
    const { store, clock } = this.#options
    for (const line of this.#openLines()) {
      const again = line === 'again'
      const options = { leaseMs: LEASE_MS, limit: this.#roomIn(line), again }
      const records = await store.hostnames.claimDue(clock.now(), options)
      for (const record of records) this.#take(record, line)
    }
  }

  /**
   * A record that was released a moment ago may be claimed before its job is gone. It is worked on then:
   * left alone it would lie until its lease ends.
   */
  #take(record: CustomHostname, line: Line): void {
    const job = this.#jobs.get(record.id)
    if (!job) return this.#start(record, line)
    void job.done.then(() => this.#take(record, line))
  }

  /** Those of the loop that have room. */
  #openLines(): Line[] {
    return (['first', 'again'] as const).filter((line) => this.#roomIn(line) > 0)
  }

  #roomIn(line: Line): number {
    let taken = 0
    let slow = 0
    for (const job of this.#jobs.values()) {
      if (job.line !== line) continue
      if (job.isSlow) slow++
      else taken++
    }
    return this.#limits[line] - taken - Math.max(0, slow - this.#maxSlow)
  }

  async #msUntilNext(): Promise<number> {
    const { store, clock } = this.#options
    let nextDueAt = Infinity
    for (const line of this.#openLines()) {
      const at = await store.hostnames.nextDueAt(line === 'again')
      nextDueAt = Math.min(nextDueAt, at ?? Infinity)
    }
    return Math.min(Math.max(nextDueAt - clock.now(), 0), LONGEST_SLEEP_MS)
  }

  #start(record: CustomHostname, line: Line): void {
    const opened = Promise.withResolvers<void>()
    const timer = this.#options.clock.after(SLOW_MS, () => this.#makeWay(job))
    const done = this.#work(record, opened.resolve).finally(() => {
      timer.cancel()
      opened.resolve()
      this.#jobs.delete(record.id)
      this.#alarm.wake()
    })
    const job: Job = { line, isSlow: false, done, opened: opened.promise }
    this.#jobs.set(record.id, job)
  }

  /** Those that are looked at again are slow, all of them: their line is for that. */
  #makeWay(job: Job): void {
    if (job.line === 'again') return
    job.isSlow = true
    this.#alarm.wake()
  }

  /**
   * Never rejects: a failure is logged and the lease is kept, so that it is not retried at once; but
   * for a moment only where the directory was away, which says nothing about this hostname. What ran
   * out of its time goes on at once.
   */
  async #work(record: CustomHostname, opened: () => void): Promise<void> {
    const { store, worker, clock } = this.#options
    const { id } = record
    using deadline = startDeadline(WORK_MS, { clock, signal: this.#closing.signal })
    let extended: Promise<void> | undefined
    const timer = clock.after(EXTEND_MS, () => {
      extended = this.#extend(record)
    })
    try {
      await worker.work(id, { signal: deadline.signal, opened })
      timer.cancel()
      // Never after it: the record would be nobody's, and leased.
      await extended
      await store.hostnames.release(id)
    } catch (error) {
      timer.cancel()
      await extended
      await this.#afterFailure(record, { error, isOutOfTime: deadline.isOver })
    }
  }

  /** Never rejects. */
  async #extend({ id, hostname }: CustomHostname): Promise<void> {
    const { store, clock, log } = this.#options
    try {
      await store.hostnames.extendLease(id, clock.now() + LEASE_MS)
    } catch (err) {
      log.warn({ err, hostname, hostnameId: id }, 'cannot keep the lease of a hostname')
    }
  }

  async #afterFailure(
    { id, hostname }: CustomHostname,
    { error, isOutOfTime }: { error: unknown; isOutOfTime: boolean },
  ): Promise<void> {
    const { store, clock, log } = this.#options
    const { signal } = this.#closing
    const isPassing = error instanceof DirectoryError
    if (!signal.aborted) {
      const level = isPassing || isOutOfTime ? 'warn' : 'error'
      log[level]({ err: error, hostname, hostnameId: id }, 'cannot work on hostname, will retry')
    }
    if (isPassing) await clock.sleep(AFTER_FAILURE_MS, signal).catch(() => {})
    if (isPassing || isOutOfTime || signal.aborted) {
      await store.hostnames.release(id).catch(() => {})
    }
  }
}
