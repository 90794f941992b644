import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'

import { systemClock } from '#lib/clock.ts'

import { StoreError } from '../../store.ts'
import { isBusy, toStoreError } from './sqlite-error.ts'

/** Callers that may wait for their turn before more are turned away. */
const MAX_WAITING = 10_000
/** Transactions that share one commit at most. */
const MAX_GROUP = 64
/** Pauses before asking again for a lock that another process holds; about five seconds in all. */
const BUSY_PAUSES_MS = [1, 2, 5, 10, 20, ...Array.from({ length: 100 }, () => 50)]

interface Job {
  work: () => Promise<unknown>
  resolve: (value: unknown) => void
  reject: (reason: unknown) => void
}

/**
 * Writers one after the other on one connection, with group commit: those that wait when the first
 * is through join its transaction, each behind a savepoint, and share one commit, which is one
 * flush to the disk that holds up the event loop. So a group begins a turn of the loop after its
 * first, with all that came in meanwhile. Nobody learns the outcome, good or bad, before that
 * commit; when it fails, all of the group fail.
 */
export class TransactionQueue {
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #waiting: Job[] = []
  #isRunning = false

  constructor(db: DatabaseSync, path: string) {
    this.#db = db
    this.#path = path
  }

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting.length >= MAX_WAITING) {
      const message = `Cannot write to ${this.#path}: ${MAX_WAITING} writers are waiting`
      return Promise.reject(new StoreError('unavailable', message))
    }
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    // The value comes from this very `work`.
    this.#waiting.push({ work, resolve: (value) => resolve(value as Result), reject })
    void this.#runAll()
    return promise
  }

  async #runAll(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      await setImmediate()
      await this.#runGroup()
    }
    this.#isRunning = false
  }

  /** Never rejects: whatever happens goes to the jobs concerned. */
  async #runGroup(): Promise<void> {
    const group: Job[] = []
    const settlers: (() => void)[] = []
    try {
      await this.#begin()
      for (let job = this.#next(0); job; job = this.#next(group.length)) {
        group.push(job)
        settlers.push(await this.#runOne(job))
      }
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#fail(group.length > 0 ? group : this.#waiting.splice(0, MAX_GROUP), error)
      return
    }
    for (const settle of settlers) settle()
  }

  /**
   * Waits for another process's lock without SQLite's own wait, which would hold up the event loop.
   * By the system's clock: the other process does not live by ours.
   */
  async #begin(): Promise<void> {
    for (const pause of BUSY_PAUSES_MS) {
      try {
        this.#db.exec('BEGIN IMMEDIATE')
        return
      } catch (error) {
        if (!isBusy(error)) throw error
      }
      await systemClock.sleep(pause)
    }
    this.#db.exec('BEGIN IMMEDIATE')
  }

  #next(taken: number): Job | undefined {
    return taken < MAX_GROUP ? this.#waiting.shift() : undefined
  }

  /**
   * @returns what tells the job its outcome, once it is durable
   * @throws the error on which SQLite gave up the whole transaction (disk full, I/O error)
   */
  async #runOne(job: Job): Promise<() => void> {
    this.#db.exec('SAVEPOINT job')
    try {
      const value = await job.work()
      this.#db.exec('RELEASE job')
      return () => job.resolve(value)
    } catch (error) {
      if (!this.#db.isTransaction) throw error
      this.#db.exec('ROLLBACK TO job')
      this.#db.exec('RELEASE job')
      return () => job.reject(toStoreError(error, this.#path))
    }
  }

  #fail(jobs: readonly Job[], error: unknown): void {
    const reason = toStoreError(error, this.#path)
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    } finally {
      for (const job of jobs) job.reject(reason)
    }
  }
}
