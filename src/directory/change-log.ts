import { normaliseServerName } from '#domain/hostname.ts'
import { backoffMs } from '#lib/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'

import type { Change, ChangeBatch, ChangeId } from './directory.ts'

/**
 * Following a change log that may be cut, lost or out of reach, the same for every directory.
 *
 * Readers trust the log only where they can prove that nothing is missing: the entry they stopped at
 * is still there (the log is cut at its old end only), it is the same filling (epoch) and the same
 * server process (after a restart from disk the newest entries may be gone). Otherwise they are told
 * of a gap. While there is no epoch the directory is being filled: readers wait, and get the gap once
 * it is complete.
 */
export interface ChangeSource {
  /** The log after `after`, in one atomic look. @throws while the directory cannot be reached */
  read(after: ChangeId | undefined, limit: number): Promise<LogView>
  /** Resolves when there may be something after `newest`, or after a while. @throws likewise */
  wait(newest: ChangeId | undefined, signal: AbortSignal): Promise<void>
}

export interface LogView {
  epoch: string | undefined
  /** Differs after a restart of whatever holds the log. */
  incarnation: string
  /** Undefined while the log is empty, which it never is again once an epoch was written. */
  newest: ChangeId | undefined
  /** `after` is in the log. */
  isCovered: boolean
  /** Oldest first, at most `limit`. */
  entries: readonly LogEntry[]
}

/**
 * Besides changes the log has entries that only move readers on: one is written with each epoch, which
 * wakes them and keeps the log from being empty; others come from newer versions of this program.
 */
export type LogEntry = Change | { id: ChangeId; kind: 'other'; name: '' }

export function parseLogEntry(id: ChangeId, kind?: string, name: string = ''): LogEntry {
  if (kind === 'ticket-keys') return { id, kind, name: '' }
  const hostname = normaliseServerName(name)
  const isKnown = kind === 'published' || kind === 'removed'
  return isKnown && hostname ? { id, kind, name: hostname } : { id, kind: 'other', name: '' }
}

export interface WatchOptions {
  after: ChangeId | undefined
  signal: AbortSignal
  clock: Clock
  random: Random
}

/** How many entries a reader may lag behind before it is told of a gap. */
export const CHANGE_LOG_LENGTH = 10_000

const BATCH_LENGTH = 500
/** A directory that is being filled changes all the time: looking at it then and now is enough. */
const FILLING_POLL_MS = 50
const RETRY = { firstMs: 50, maxMs: 2_000 }

/** What `EdgeDirectory.watch` promises, over any source. */
export async function* watchLog(
  source: ChangeSource,
  options: WatchOptions,
): AsyncGenerator<ChangeBatch, void, undefined> {
  const { after, signal, clock, random } = options
  const reader = new LogReader(after)
  let failures = 0
  while (!signal.aborted) {
    try {
      const view = await source.read(reader.position, BATCH_LENGTH)
      failures = 0
      const batch = reader.take(view)
      if (batch) yield batch
      if (view.epoch === undefined) await pause(clock, { ms: FILLING_POLL_MS, signal })
      else if (view.entries.length < BATCH_LENGTH) await source.wait(view.newest, signal)
    } catch {
      failures++
      reader.missed()
      await pause(clock, { ms: backoffMs(failures, random.fraction(), RETRY), signal })
    }
  }
}

/** Where one reader is, and what it can still be sure of. */
class LogReader {
  position: ChangeId | undefined
  #epoch: string | undefined
  #incarnation: string | undefined
  #isFirst = true
  /** Looking failed before the first batch: "from now on" began before we could say where. */
  #missedStart = false

  constructor(after: ChangeId | undefined) {
    this.position = after
  }

  missed(): void {
    if (this.#isFirst) this.#missedStart = true
  }

  take(view: LogView): ChangeBatch | undefined {
    if (view.epoch === undefined || view.newest === undefined) {
      this.missed()
      return undefined
    }
    const batch = this.#batchOf(view, view.newest)
    this.#epoch = view.epoch
    this.#incarnation = view.incarnation
    this.#isFirst = false
    this.position = batch?.upTo ?? this.position
    return batch
  }

  #batchOf(view: LogView, newest: ChangeId): ChangeBatch | undefined {
    if (this.#hasGap(view)) return { upTo: newest, changes: [], gap: true }
    if (this.position === undefined) return { upTo: newest, changes: [], gap: false }
    const last = view.entries.at(-1)
    if (!last) return this.#isFirst ? { upTo: newest, changes: [], gap: false } : undefined
    return { upTo: last.id, changes: view.entries.filter(isChange), gap: false }
  }

  #hasGap(view: LogView): boolean {
    if (this.#isFirst) {
      return this.position === undefined ? this.#missedStart : !view.isCovered
    }
    const isSame = view.epoch === this.#epoch && view.incarnation === this.#incarnation
    return !isSame || !view.isCovered
  }
}

function isChange(entry: LogEntry): entry is Change {
  return entry.kind !== 'other'
}

/** Sleeps; an abort only ends it early. */
async function pause(
  clock: Clock,
  { ms, signal }: { ms: number; signal: AbortSignal },
): Promise<void> {
  try {
    await clock.sleep(ms, signal)
  } catch {
    // Aborted: the caller looks at the signal.
  }
}
