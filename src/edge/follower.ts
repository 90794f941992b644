import {
  HEARTBEAT_EVERY_MS,
  type ChangeBatch,
  type ChangeId,
  type EdgeDirectory,
} from '#directory/directory.ts'
import type { Sighting } from '#directory/sighting.ts'
import type { Clock, Timer } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'

export interface FollowerOptions {
  edgeId: string
  version: string
  directory: Pick<EdgeDirectory, 'watch' | 'beat' | 'leave'>
  clock: Clock
  logger: Logger
  /** Acts on a batch; when it returns, nothing from before the batch is served any more. */
  onBatch(batch: ChangeBatch): void
  /** What the next heartbeat carries; undefined for nothing. */
  sightings?(): readonly Sighting[] | undefined
  /** Called at each heartbeat: for what must be tried again now and then. */
  onBeat?(): void
}

/** Heartbeats that follow changes are at least so far apart: a burst is reported once. */
const COALESCE_MS = 20
/** How long to wait before following again where `watch` failed, which it never should. */
const RETRY_MS = 1_000
/** How long a farewell may take. */
const LEAVE_MS = 1_000

/**
 * Follows the directory's change log and reports how far: at once after each batch, and every
 * `HEARTBEAT_EVERY_MS`. What it reports, it has acted on.
 */
export class Follower {
  readonly #options: FollowerOptions
  readonly #stop = new AbortController()
  #followed: Promise<void> = Promise.resolve()
  #applied: ChangeId | undefined
  #timer: Timer | undefined
  #dueAt = Number.POSITIVE_INFINITY
  #lastBeatAt = Number.NEGATIVE_INFINITY
  #beating: Promise<void> | undefined
  #isHeard = true

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /** The place up to which it has acted; undefined while the directory has not said where "now" is. */
  get applied(): ChangeId | undefined {
    return this.#applied
  }

  start(): void {
    this.#followed = this.#follow()
  }

  /** Stops following and withdraws the report. Never rejects. */
  async close(): Promise<void> {
    const { directory, edgeId, clock, logger } = this.#options
    this.#stop.abort()
    this.#timer?.cancel()
    const leave = async (): Promise<void> => {
      await Promise.all([this.#followed, this.#beating])
      await directory.leave(edgeId)
    }
    const patience = new AbortController()
    await Promise.race([
      leave().catch((error: unknown) => logger.warn({ err: error }, 'cannot sign off')),
      clock.sleep(LEAVE_MS, patience.signal).catch(() => {}),
    ])
    patience.abort()
  }

  async #follow(): Promise<void> {
    const { directory, logger, clock, onBatch } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        for await (const batch of directory.watch(this.#applied, signal)) {
          onBatch(batch)
          this.#applied = batch.upTo
          // A last beat in the future means that the clock was put back.
          this.#beatBefore(Math.min(this.#lastBeatAt, clock.now()) + COALESCE_MS)
        }
      } catch (error) {
        logger.error({ err: error }, 'cannot follow the directory')
        onBatch({ upTo: this.#applied ?? '', changes: [], gap: true })
        await clock.sleep(RETRY_MS, signal).catch(() => {})
      }
    }
  }

  /** Sees to it that the next heartbeat is not later than that. */
  #beatBefore(at: number): void {
    if (this.#stop.signal.aborted || at >= this.#dueAt) return
    this.#timer?.cancel()
    this.#dueAt = at
    const wait = at - this.#options.clock.now()
    if (wait <= 0) this.#beat()
    else this.#timer = this.#options.clock.after(wait, () => this.#beat())
  }

  #beat(): void {
    const now = this.#options.clock.now()
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#beatBefore(now + HEARTBEAT_EVERY_MS)
    // One at a time: where the directory is slow, what is new meanwhile goes with the next.
    if (this.#beating) return this.#beatBefore(now + COALESCE_MS)
    this.#lastBeatAt = now
    this.#beating = this.#report().finally(() => (this.#beating = undefined))
    this.#options.onBeat?.()
  }

  async #report(): Promise<void> {
    const { directory, edgeId, version, clock, logger } = this.#options
    if (this.#applied === undefined) return
    try {
      const sightings = this.#options.sightings?.()
      const report = { edgeId, version, applied: this.#applied, at: clock.now() }
      await directory.beat(sightings ? { ...report, sightings } : report)
      if (!this.#isHeard) logger.info({}, 'the directory hears of this edge again')
      this.#isHeard = true
    } catch (error) {
      if (this.#isHeard) logger.warn({ err: error }, 'cannot report to the directory')
      this.#isHeard = false
    }
  }
}
