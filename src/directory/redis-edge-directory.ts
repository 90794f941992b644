import type { Binding, WellKnownAnswer } from '#domain/binding.ts'
import { parentOf, type Hostname } from '#domain/hostname.ts'

import { isAnswerPath } from './answer.ts'
import { decodeBinding, type ResolveIntermediates } from './binding-codec.ts'
import { corrupt } from './bytes.ts'
import { watchLog } from './change-log.ts'
import {
  DirectoryError,
  HEARTBEAT_TTL_MS,
  type ChangeBatch,
  type ChangeId,
  type EdgeDirectory,
  type Heartbeat,
  type TicketKey,
} from './directory.ts'
import { encodeHeartbeat } from './heartbeat-codec.ts'
import { createIntermediateCache } from './intermediate-cache.ts'
import { RedisChangeSource } from './redis-change-source.ts'
import { RedisConnection, type RedisConnectionOptions } from './redis-connection.ts'
import {
  answerKey,
  bindingKey,
  EDGES_KEY,
  EPOCH_KEY,
  intermediateKey,
  TICKET_KEYS_KEY,
} from './redis-layout.ts'
import { bytesReply, listReply, textReply } from './redis-replies.ts'
import { BEAT } from './redis-scripts.ts'
import { decodeTicketKeys } from './ticket-key-codec.ts'

export type RedisEdgeDirectoryOptions = RedisConnectionOptions

/**
 * A worker's view of the directory in Redis. Opens also while Redis is away; calls then reject.
 *
 * @throws {TypeError} where the URL is not one
 */
export async function openRedisEdgeDirectory(
  options: RedisEdgeDirectoryOptions,
): Promise<EdgeDirectory> {
  return new RedisEdgeDirectory(options, await RedisConnection.open(options))
}

class RedisEdgeDirectory implements EdgeDirectory {
  readonly #options: RedisEdgeDirectoryOptions
  readonly #redis: RedisConnection
  readonly #intermediates: ResolveIntermediates
  readonly #closing = new AbortController()

  constructor(options: RedisEdgeDirectoryOptions, redis: RedisConnection) {
    this.#options = options
    this.#redis = redis
    this.#intermediates = createIntermediateCache((ids) => this.#readIntermediates(ids))
  }

  async findBinding(name: Hostname): Promise<Binding | undefined> {
    const keys = [bindingKey(name), bindingKey(parentOf(name) ?? '')]
    const [exact, parent] = await this.#read(keys)
    if (exact) return decodeBinding(exact, this.#intermediates)
    if (!parent) return undefined
    const binding = await decodeBinding(parent, this.#intermediates)
    return binding.wildcard ? binding : undefined
  }

  async findAnswer(
    name: Hostname,
    path: string,
    now: number,
  ): Promise<WellKnownAnswer | undefined> {
    if (!isAnswerPath(path)) return undefined
    const [value] = await this.#read([answerKey(name, path)])
    if (!value) return undefined
    const [, expiry, body] = /^(\d{1,16}):(.*)$/s.exec(value.toString('latin1')) ?? []
    if (expiry === undefined || body === undefined) throw corrupt(`answer of ${name}`)
    const expiresAt = Number(expiry)
    return expiresAt > now ? { hostname: name, path, body, expiresAt } : undefined
  }

  async listTicketKeys(): Promise<TicketKey[]> {
    const [bytes] = await this.#read([TICKET_KEYS_KEY])
    return bytes ? decodeTicketKeys(bytes) : []
  }

  async *watch(
    after: ChangeId | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch, void, undefined> {
    const { clock, random } = this.#options
    const ended = AbortSignal.any([signal, this.#closing.signal])
    const source = new RedisChangeSource(this.#options)
    const end = (): void => void source.close()
    ended.addEventListener('abort', end, { once: true })
    try {
      yield* watchLog(source, { after, signal: ended, clock, random })
    } finally {
      ended.removeEventListener('abort', end)
      await source.close()
    }
  }

  async beat(heartbeat: Heartbeat): Promise<void> {
    const bytes = Buffer.from(encodeHeartbeat(heartbeat))
    const args = [heartbeat.edgeId, bytes, HEARTBEAT_TTL_MS]
    await this.#redis.run(BEAT, { keys: [EDGES_KEY], args })
  }

  async leave(edgeId: string): Promise<void> {
    await this.#redis.call('HDEL', EDGES_KEY, edgeId)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#redis.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The values, all of one moment, in one round trip. @throws where there is no epoch */
  async #read(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    const [epoch, ...values] = listReply(await this.#redis.call('MGET', EPOCH_KEY, ...keys))
    if (textReply(epoch) === undefined) {
      throw new DirectoryError('unavailable', 'The directory is not filled yet')
    }
    return values.map(bytesReply)
  }

  async #readIntermediates(ids: readonly string[]): Promise<Map<string, Uint8Array>> {
    const reply = listReply(await this.#redis.call('MGET', ...ids.map(intermediateKey)))
    const found = new Map<string, Uint8Array>()
    for (const [at, id] of ids.entries()) {
      const der = bytesReply(reply[at])
      if (der) found.set(id, Uint8Array.from(der))
    }
    return found
  }
}
