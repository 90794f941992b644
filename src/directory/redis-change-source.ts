import type { ChangeSource, LogEntry, LogView } from './change-log.ts'
import { parseLogEntry } from './change-log.ts'
import type { ChangeId } from './directory.ts'
import { RedisConnection, type RedisConnectionOptions } from './redis-connection.ts'
import { CHANGES_KEY, changeIdOf, EPOCH_KEY, streamIdOf } from './redis-layout.ts'
import { listReply, numberReply, textReply } from './redis-replies.ts'
import { READ_LOG } from './redis-scripts.ts'

/** How long one XREAD waits. A reader looks at the epoch at least this often. */
const BLOCK_MS = 5_000
const REPLY_MS = 1_000

/**
 * Reads the stream on its own connection: XREAD BLOCK only wakes us, since a blocking command cannot
 * be part of a script; then one script looks at everything at once.
 */
export class RedisChangeSource implements ChangeSource {
  readonly #options: RedisConnectionOptions
  #connection: Promise<RedisConnection> | undefined
  #isClosed = false

  constructor(options: RedisConnectionOptions) {
    this.#options = options
  }

  async read(after: ChangeId | undefined, limit: number): Promise<LogView> {
    const connection = await this.#connect()
    const from = after === undefined ? undefined : streamIdOf(after)
    const reply = await connection.run(READ_LOG, {
      keys: [EPOCH_KEY, CHANGES_KEY],
      args: [from ?? '', limit],
    })
    const [epoch, run, newest, covered, entries] = listReply(reply)
    const newestId = textReply(newest)
    return {
      epoch: textReply(epoch),
      incarnation: textReply(run) || `connection ${connection.sessions}`,
      newest: newestId === undefined ? undefined : changeIdOf(newestId),
      isCovered: numberReply(covered) > 0,
      entries: listReply(entries).map(entryOf),
    }
  }

  async wait(newest: ChangeId | undefined): Promise<void> {
    const connection = await this.#connect()
    const after = (newest && streamIdOf(newest)) ?? '0-0'
    await connection.call('XREAD', 'COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', CHANGES_KEY, after)
  }

  /** Ends a running `wait`. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    const connection = await this.#connection
    connection?.close()
  }

  async #connect(): Promise<RedisConnection> {
    this.#connection ??= RedisConnection.open({
      ...this.#options,
      commandTimeoutMs: BLOCK_MS + REPLY_MS,
    })
    const connection = await this.#connection
    if (this.#isClosed) connection.close()
    return connection
  }
}

/** `[id, ['k', kind, 'n', name]]` */
function entryOf(reply: unknown): LogEntry {
  const [id, pairs] = listReply(reply)
  const fields = listReply(pairs).map(textReply)
  const valueOf = (field: string): string | undefined => fields[fields.indexOf(field) + 1]
  return parseLogEntry(changeIdOf(textReply(id)), valueOf('k'), valueOf('n'))
}
