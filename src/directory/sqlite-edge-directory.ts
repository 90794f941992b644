import type { Binding, WellKnownAnswer } from '#domain/binding.ts'
import { parentOf, type Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'

import { isAnswerPath } from './answer.ts'
import { decodeBinding, type ResolveIntermediates } from './binding-codec.ts'
import { parseChangeNumber, renderChangeNumber } from './change-id.ts'
import {
  parseLogEntry,
  watchLog,
  type ChangeSource,
  type LogEntry,
  type LogView,
} from './change-log.ts'
import {
  DirectoryError,
  type ChangeBatch,
  type ChangeId,
  type EdgeDirectory,
  type Heartbeat,
  type TicketKey,
} from './directory.ts'
import { createIntermediateCache } from './intermediate-cache.ts'
import { encodeSightings } from './sighting-codec.ts'
import { bytesOf, numberOf, required, textOf, type Row } from './sqlite-columns.ts'
import { isBusy, SqliteConnection } from './sqlite-file.ts'
import { decodeTicketKeys } from './ticket-key-codec.ts'

export interface SqliteEdgeDirectoryOptions {
  /** The file need not exist yet: until it does, calls reject with `unavailable`. */
  path: string
  clock: Clock
  /** Spreads retries. */
  random: Random
  /** How often `watch` looks for changes, in milliseconds. One look costs a few microseconds. @default 25 */
  pollMs?: number
}

/** A worker's view of the SQLite directory. */
export async function openSqliteEdgeDirectory(
  options: SqliteEdgeDirectoryOptions,
): Promise<EdgeDirectory> {
  return new SqliteEdgeDirectory(options)
}

/** A reader holds no lock in WAL mode: it only ever waits while the file is being recovered. */
const READ_BUSY_MS = 50
/** Heartbeats share the publisher's write lock; waiting for it must not hold up the event loop. */
const BEAT_BUSY_MS = 2
const BEAT_TRIES = 20
const BEAT_RETRY_MS = 10
/** Moving pages costs an fsync: left to the publisher unless it is away for long. */
const BEAT_CHECKPOINT_PAGES = 4_000

class SqliteEdgeDirectory implements EdgeDirectory {
  readonly #clock: Clock
  readonly #random: Random
  readonly #pollMs: number
  readonly #data: SqliteConnection<typeof READS>
  readonly #beats: SqliteConnection<typeof BEATS>
  readonly #intermediates: ResolveIntermediates
  readonly #closing = new AbortController()

  constructor({ path, clock, random, pollMs = 25 }: SqliteEdgeDirectoryOptions) {
    this.#clock = clock
    this.#random = random
    this.#pollMs = pollMs
    this.#data = new SqliteConnection({
      path,
      access: 'read',
      busyMs: READ_BUSY_MS,
      sql: READS,
    })
    this.#beats = new SqliteConnection({
      path,
      access: 'write',
      busyMs: BEAT_BUSY_MS,
      checkpointPages: BEAT_CHECKPOINT_PAGES,
      sql: BEATS,
    })
    this.#intermediates = createIntermediateCache(async (ids) => this.#readIntermediates(ids))
  }

  async findBinding(name: Hostname): Promise<Binding | undefined> {
    const row = this.#data.use(({ binding }) => binding.get(name, parentOf(name) ?? ''))
    requireEpoch(row)
    const bytes = bytesOf(row, 'exact') ?? bytesOf(row, 'parent')
    return bytes && decodeBinding(bytes, this.#intermediates)
  }

  async findAnswer(
    name: Hostname,
    path: string,
    now: number,
  ): Promise<WellKnownAnswer | undefined> {
    if (!isAnswerPath(path)) return undefined
    const [state, row] = this.#data.use(({ epoch, answer }) => [
      epoch.get(),
      answer.get(name, path, now),
    ])
    requireEpoch(state)
    if (!row) return undefined
    const body = required(textOf(row, 'body'))
    return { hostname: name, path, body, expiresAt: required(numberOf(row, 'expires_at')) }
  }

  async listTicketKeys(): Promise<TicketKey[]> {
    const row = this.#data.use(({ ticketKeys }) => ticketKeys.get())
    requireEpoch(row)
    const bytes = bytesOf(row, 'keys')
    return bytes ? decodeTicketKeys(bytes) : []
  }

  watch(after: ChangeId | undefined, signal: AbortSignal): AsyncIterable<ChangeBatch> {
    return watchLog(this.#changeSource(), {
      after,
      signal: AbortSignal.any([signal, this.#closing.signal]),
      clock: this.#clock,
      random: this.#random,
    })
  }

  async beat({ edgeId, applied, at, version, sightings = [] }: Heartbeat): Promise<void> {
    const seen = sightings.length > 0 ? encodeSightings(sightings) : null
    await this.#patiently(() =>
      this.#beats.use(({ beat }) => beat.run(edgeId, applied, at, version, seen)),
    )
  }

  async leave(edgeId: string): Promise<void> {
    await this.#patiently(() => this.#beats.use(({ leave }) => leave.run(edgeId)))
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#data.close()
    this.#beats.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #readIntermediates(ids: readonly string[]): Map<string, Uint8Array> {
    return this.#data.use(({ intermediate }) => {
      const found = new Map<string, Uint8Array>()
      for (const id of ids) {
        const der = bytesOf(intermediate.get(id), 'der')
        if (der) found.set(id, der)
      }
      return found
    })
  }

  /** Polls: SQLite has no way to wake another process, and asking for its data version is nearly free. */
  #changeSource(): ChangeSource {
    let seen = ''
    return {
      read: async (after, limit) => {
        seen = this.#versionNow()
        return this.#readLog(after, limit)
      },
      wait: async (_newest, signal) => {
        do {
          await this.#clock.sleep(this.#pollMs, signal)
        } while (this.#versionNow() === seen)
      },
    }
  }

  /** Changes with every commit of another connection, and when the file is another one. */
  #versionNow(): string {
    const version = this.#data.use((s) => numberOf(s.dataVersion.get(), 'data_version'))
    return `${this.#data.generation}/${version}`
  }

  #readLog(after: ChangeId | undefined, limit: number): LogView {
    const position = after === undefined ? undefined : (parseChangeNumber(after) ?? -1)
    const [state, rows] = this.#data.transaction(({ log, changes }) => [
      log.get(position ?? -1),
      position === undefined ? [] : changes.all(position, limit),
    ])
    const newest = numberOf(state, 'newest')
    return {
      epoch: textOf(state, 'epoch'),
      incarnation: String(this.#data.generation),
      newest: newest === undefined ? undefined : renderChangeNumber(newest),
      isCovered: numberOf(state, 'covered') === 1,
      entries: rows.map(entryOf),
    }
  }

  async #patiently(write: () => void): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return write()
      } catch (error) {
        if (!isBusy(error) || tries >= BEAT_TRIES) throw error
        await this.#clock.sleep(BEAT_RETRY_MS)
      }
    }
  }
}

const EPOCH = `(SELECT value FROM state WHERE key = 'epoch') AS epoch`

const READS = {
  binding: `SELECT ${EPOCH}, (SELECT bytes FROM binding WHERE name = ?1) AS exact,
    (SELECT bytes FROM binding WHERE name = ?2 AND wildcard = 1) AS parent`,
  epoch: `SELECT ${EPOCH}`,
  answer: `SELECT body, expires_at FROM answer WHERE name = ?1 AND path = ?2 AND expires_at > ?3`,
  ticketKeys: `SELECT ${EPOCH}, (SELECT value FROM state WHERE key = 'ticket-keys') AS keys`,
  intermediate: `SELECT der FROM intermediate WHERE id = ?1`,
  dataVersion: `PRAGMA data_version`,
  log: `SELECT ${EPOCH}, (SELECT max(id) FROM change) AS newest,
    EXISTS (SELECT 1 FROM change WHERE id = ?1) AS covered`,
  changes: `SELECT id, kind, name FROM change WHERE id > ?1 ORDER BY id LIMIT ?2`,
} as const

const BEATS = {
  beat: `INSERT INTO heartbeat (edge_id, applied, at, version, sightings)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (edge_id) DO UPDATE SET applied = ?2, at = ?3, version = ?4, sightings = ?5`,
  leave: `DELETE FROM heartbeat WHERE edge_id = ?1`,
} as const

function requireEpoch(row: Row): void {
  if (textOf(row, 'epoch') !== undefined) return
  throw new DirectoryError('unavailable', 'The directory is not filled yet')
}

function entryOf(row: NonNullable<Row>): LogEntry {
  const id = renderChangeNumber(required(numberOf(row, 'id')))
  return parseLogEntry(id, textOf(row, 'kind'), textOf(row, 'name'))
}
