import type { Binding, WellKnownAnswer } from '#domain/binding.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'

import { checkAnswer } from './answer.ts'
import { encodeBinding } from './binding-codec.ts'
import { ByteReader } from './bytes.ts'
import { nextChangeNumber, parseChangeNumber, renderChangeNumber } from './change-id.ts'
import { CHANGE_LOG_LENGTH } from './change-log.ts'
import {
  HEARTBEAT_TTL_MS,
  type Change,
  type ChangeId,
  type DirectoryPublisher,
  type Heartbeat,
  type TicketKey,
} from './directory.ts'
import { decodeSightings } from './sighting-codec.ts'
import { bytesOf, numberOf, required, textOf, type Row } from './sqlite-columns.ts'
import { SqliteConnection, type Prepared } from './sqlite-file.ts'
import { decodeTicketKeys, encodeTicketKeys } from './ticket-key-codec.ts'

export interface SqliteDirectoryPublisherOptions {
  /** Made where it does not exist; made anew where it is damaged or of another version. */
  path: string
  clock: Clock
  /** Entries kept in the change log. @default 10_000 */
  changeLogLength?: number
}

/**
 * The control plane's side of the SQLite directory. One at a time.
 *
 * @throws {DirectoryError} `unavailable` where the file cannot be made
 */
export async function openSqliteDirectoryPublisher(
  options: SqliteDirectoryPublisherOptions,
): Promise<DirectoryPublisher> {
  return new SqliteDirectoryPublisher(options)
}

/** Only heartbeats contend for the write lock, each for well under a millisecond. */
const BUSY_MS = 1_000
/** Cutting the log looks at all of it: not with every entry. */
const TRIM_EVERY = 128
const SWEEP_PAGE = 500

class SqliteDirectoryPublisher implements DirectoryPublisher {
  readonly #clock: Clock
  readonly #changeLogLength: number
  readonly #file: SqliteConnection<typeof STATEMENTS>
  /** Remembered here too, so that ids go on growing over a lost file even if the clock stands still. */
  #newest = 0
  #untrimmed = 0

  constructor({
    path,
    clock,
    changeLogLength = CHANGE_LOG_LENGTH,
  }: SqliteDirectoryPublisherOptions) {
    this.#clock = clock
    this.#changeLogLength = changeLogLength
    this.#file = new SqliteConnection({
      path,
      access: 'write',
      create: true,
      busyMs: BUSY_MS,
      sql: STATEMENTS,
    })
    this.#file.use(() => undefined)
  }

  async publish(binding: Binding): Promise<ChangeId> {
    const { bytes, intermediates } = encodeBinding(binding)
    const { hostname, hostnameId, serial, wildcard } = binding
    return this.#file.transaction((statements) => {
      for (const [id, der] of intermediates) statements.putIntermediate.run(id, der)
      statements.putBinding.run(hostname, hostnameId, serial, wildcard ? 1 : 0, bytes)
      return this.#append(statements, 'published', hostname)
    })
  }

  async withdraw(name: Hostname, hostnameId: string): Promise<ChangeId> {
    return this.#file.transaction((statements) => {
      statements.removeBinding.run(name, hostnameId)
      return this.#append(statements, 'removed', name)
    })
  }

  async putAnswer(answer: WellKnownAnswer): Promise<void> {
    checkAnswer(answer)
    const { hostname, path, body, expiresAt } = answer
    this.#file.transaction(({ removeExpired, putAnswer }) => {
      removeExpired.run(this.#clock.now())
      putAnswer.run(hostname, path, body, expiresAt)
    })
  }

  async removeAnswer(name: Hostname, path: string): Promise<void> {
    this.#file.use(({ removeAnswer }) => removeAnswer.run(name, path))
  }

  async listTicketKeys(): Promise<TicketKey[]> {
    const row = this.#file.use(({ state }) => state.get('ticket-keys'))
    const bytes = bytesOf(row, 'value')
    return bytes ? decodeTicketKeys(bytes) : []
  }

  async putTicketKeys(keys: readonly TicketKey[]): Promise<ChangeId> {
    const bytes = encodeTicketKeys(keys)
    return this.#file.transaction((statements) => {
      statements.putState.run('ticket-keys', bytes)
      return this.#append(statements, 'ticket-keys', '')
    })
  }

  async listEdges(now: number): Promise<Heartbeat[]> {
    const rows = this.#file.use(({ removeSilent, heartbeats }) => {
      removeSilent.run(now - 10 * HEARTBEAT_TTL_MS)
      // What lies in the future was written before the clock was set back.
      return heartbeats.all(now - HEARTBEAT_TTL_MS, now + HEARTBEAT_TTL_MS)
    })
    return rows.map(heartbeatOf)
  }

  async sweep(isKnown: (name: Hostname, hostnameId: string) => Promise<boolean>): Promise<number> {
    let removed = 0
    let after = ''
    for (;;) {
      const page = this.#file.use(({ names }) => names.all(after, SWEEP_PAGE)).map(nameOf)
      for (const { name, hostnameId } of page) {
        if (await isKnown(name, hostnameId)) continue
        await this.withdraw(name, hostnameId)
        removed++
      }
      const last = page.at(-1)
      if (!last) return removed
      after = last.name
    }
  }

  async readEpoch(): Promise<string | undefined> {
    return textOf(
      this.#file.use(({ state }) => state.get('epoch')),
      'value',
    )
  }

  async writeEpoch(epoch: string): Promise<ChangeId> {
    return this.#file.transaction((statements) => {
      statements.putState.run('epoch', epoch)
      return this.#append(statements, 'epoch', '')
    })
  }

  async hasLost(change: ChangeId): Promise<boolean> {
    const number = parseChangeNumber(change)
    if (number === undefined) return true
    const row = this.#file.use(({ lost }) => lost.get(number))
    return numberOf(row, 'lost') !== 0
  }

  async close(): Promise<void> {
    this.#file.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #append(statements: Statements, kind: Change['kind'] | 'epoch', name: string): ChangeId {
    const stored = numberOf(statements.newestChange.get(), 'newest') ?? 0
    const number = nextChangeNumber(Math.max(stored, this.#newest), this.#clock.now())
    statements.putChange.run(number, kind, name)
    this.#newest = number
    if (++this.#untrimmed >= Math.min(TRIM_EVERY, this.#changeLogLength)) {
      statements.trimChanges.run(this.#changeLogLength)
      this.#untrimmed = 0
    }
    return renderChangeNumber(number)
  }
}

const STATEMENTS = {
  putIntermediate: `INSERT INTO intermediate (id, der) VALUES (?1, ?2) ON CONFLICT DO NOTHING`,
  putBinding: `INSERT INTO binding (name, hostname_id, serial, wildcard, bytes)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (name) DO UPDATE SET hostname_id = ?2, serial = ?3, wildcard = ?4, bytes = ?5
    WHERE ?3 >= serial`,
  removeBinding: `DELETE FROM binding WHERE name = ?1 AND hostname_id = ?2`,
  names: `SELECT name, hostname_id FROM binding WHERE name > ?1 ORDER BY name LIMIT ?2`,
  putAnswer: `INSERT INTO answer (name, path, body, expires_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET body = ?3, expires_at = ?4`,
  removeAnswer: `DELETE FROM answer WHERE name = ?1 AND path = ?2`,
  removeExpired: `DELETE FROM answer WHERE expires_at <= ?1`,
  state: `SELECT value FROM state WHERE key = ?1`,
  putState: `INSERT INTO state (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2`,
  heartbeats: `SELECT edge_id, applied, at, version, sightings FROM heartbeat
    WHERE at >= ?1 AND at <= ?2 ORDER BY edge_id`,
  removeSilent: `DELETE FROM heartbeat WHERE at < ?1`,
  lost: `SELECT NOT EXISTS (SELECT 1 FROM change WHERE id = ?1)
    AND coalesce((SELECT min(id) FROM change), 0) < ?1 AS lost`,
  newestChange: `SELECT max(id) AS newest FROM change`,
  putChange: `INSERT INTO change (id, kind, name) VALUES (?1, ?2, ?3)`,
  trimChanges: `DELETE FROM change
    WHERE id <= (SELECT id FROM change ORDER BY id DESC LIMIT 1 OFFSET ?1)`,
} as const

type Statements = Prepared<typeof STATEMENTS>

function heartbeatOf(row: NonNullable<Row>): Heartbeat {
  const seen = bytesOf(row, 'sightings')
  return {
    edgeId: required(textOf(row, 'edge_id')),
    applied: required(textOf(row, 'applied')),
    at: required(numberOf(row, 'at')),
    version: required(textOf(row, 'version')),
    ...(seen && { sightings: decodeSightings(new ByteReader(seen)) }),
  }
}

function nameOf(row: NonNullable<Row>): { name: Hostname; hostnameId: string } {
  // Only `publish` writes names, and it is given hostnames.
  const name = required(textOf(row, 'name')) as Hostname
  return { name, hostnameId: required(textOf(row, 'hostname_id')) }
}
