import type { Binding, WellKnownAnswer } from '#domain/binding.ts'
import type { Hostname } from '#domain/hostname.ts'

import { checkAnswer } from './answer.ts'
import { BINDING_HEAD_BYTES, encodeBinding, hostnameIdOf } from './binding-codec.ts'
import { CHANGE_LOG_LENGTH } from './change-log.ts'
import {
  HEARTBEAT_TTL_MS,
  type ChangeId,
  type DirectoryPublisher,
  type Heartbeat,
  type TicketKey,
} from './directory.ts'
import { decodeHeartbeat } from './heartbeat-codec.ts'
import {
  RedisConnection,
  type RedisArgument,
  type RedisConnectionOptions,
  type RedisScript,
} from './redis-connection.ts'
import {
  answerKey,
  bindingKey,
  changeIdOf,
  CHANGES_KEY,
  EDGES_KEY,
  EPOCH_KEY,
  intermediateKey,
  millisecondOf,
  NAMES_KEY,
  streamIdOf,
  TICKET_KEYS_KEY,
} from './redis-layout.ts'
import { bytesReply, listReply, numberReply, textReply } from './redis-replies.ts'
import { LIST_EDGES, PUBLISH, PUT_AND_ANNOUNCE, WITHDRAW } from './redis-scripts.ts'
import { decodeTicketKeys, encodeTicketKeys } from './ticket-key-codec.ts'

export interface RedisDirectoryPublisherOptions extends RedisConnectionOptions {
  /** Entries kept at least in the change log. @default 10_000 */
  changeLogLength?: number
}

/**
 * The control plane's side of the directory in Redis. Opens also while Redis is away.
 *
 * @throws {TypeError} where the URL is not one
 */
export async function openRedisDirectoryPublisher(
  options: RedisDirectoryPublisherOptions,
): Promise<DirectoryPublisher> {
  return new RedisDirectoryPublisher(options, await RedisConnection.open(options))
}

const SWEEP_PAGE = 500

class RedisDirectoryPublisher implements DirectoryPublisher {
  readonly #options: RedisDirectoryPublisherOptions
  readonly #redis: RedisConnection
  readonly #changeLogLength: number
  /** The millisecond of the newest change that this publisher wrote. */
  #floorMs = 0

  constructor(options: RedisDirectoryPublisherOptions, redis: RedisConnection) {
    this.#options = options
    this.#redis = redis
    this.#changeLogLength = options.changeLogLength ?? CHANGE_LOG_LENGTH
  }

  async publish(binding: Binding): Promise<ChangeId> {
    const { bytes, intermediates } = encodeBinding(binding)
    const { hostname } = binding
    const ids = [...intermediates.keys()]
    const ders = [...intermediates.values()].map((der) => Buffer.from(der))
    return this.#append(PUBLISH, {
      keys: [bindingKey(hostname), NAMES_KEY, CHANGES_KEY, ...ids.map(intermediateKey)],
      args: [Buffer.from(bytes), hostname],
      more: ders,
    })
  }

  async withdraw(name: Hostname, hostnameId: string): Promise<ChangeId> {
    return this.#append(WITHDRAW, {
      keys: [bindingKey(name), NAMES_KEY, CHANGES_KEY],
      args: [hostnameId, name],
    })
  }

  async putAnswer(answer: WellKnownAnswer): Promise<void> {
    checkAnswer(answer)
    const { hostname, path, body, expiresAt } = answer
    const leftMs = expiresAt - this.#options.clock.now()
    if (leftMs <= 0) return this.removeAnswer(hostname, path)
    await this.#redis.call('SET', answerKey(hostname, path), `${expiresAt}:${body}`, 'PX', leftMs)
  }

  async removeAnswer(name: Hostname, path: string): Promise<void> {
    await this.#redis.call('DEL', answerKey(name, path))
  }

  async listTicketKeys(): Promise<TicketKey[]> {
    const bytes = bytesReply(await this.#redis.call('GET', TICKET_KEYS_KEY))
    return bytes ? decodeTicketKeys(bytes) : []
  }

  putTicketKeys(keys: readonly TicketKey[]): Promise<ChangeId> {
    const value = Buffer.from(encodeTicketKeys(keys))
    return this.#announce('ticket-keys', { key: TICKET_KEYS_KEY, value })
  }

  /**
   * Silence is measured by Redis's clock alone: the clocks of edges and control plane need not agree.
   * Only what `now` lies ahead of our own clock is added. A silence of less than nothing is one from
   * before that clock was set back.
   */
  async listEdges(now: number): Promise<Heartbeat[]> {
    const aheadMs = Math.max(0, now - this.#options.clock.now())
    const args = [10 * HEARTBEAT_TTL_MS]
    const reply = await this.#redis.run(LIST_EDGES, { keys: [EDGES_KEY], args })
    return listReply(reply)
      .map((item) => listReply(item))
      .filter(([, silentMs]) => Math.abs(numberReply(silentMs)) + aheadMs <= HEARTBEAT_TTL_MS)
      .map(([id, , bytes]) =>
        decodeHeartbeat(textReply(id) ?? '', bytesReply(bytes) ?? Buffer.of()),
      )
  }

  async sweep(isKnown: (name: Hostname, hostnameId: string) => Promise<boolean>): Promise<number> {
    let removed = 0
    let after = ''
    for (;;) {
      const names = await this.#namesAfter(after)
      for (const name of names) {
        const hostnameId = await this.#readHostnameId(name)
        if (await isKnown(name, hostnameId)) continue
        await this.withdraw(name, hostnameId)
        removed++
      }
      const last = names.at(-1)
      if (!last) return removed
      after = last
    }
  }

  async readEpoch(): Promise<string | undefined> {
    return textReply(await this.#redis.call('GET', EPOCH_KEY))
  }

  writeEpoch(epoch: string): Promise<ChangeId> {
    return this.#announce('epoch', { key: EPOCH_KEY, value: epoch })
  }

  async hasLost(change: ChangeId): Promise<boolean> {
    const id = streamIdOf(change)
    if (id === undefined) return true
    const found = await this.#redis.call('XRANGE', CHANGES_KEY, id, id)
    if (listReply(found).length > 0) return false
    // Looked at last: the entry may have been cut off between the two looks.
    const [oldest] = listReply(await this.#redis.call('XRANGE', CHANGES_KEY, '-', '+', 'COUNT', 1))
    const [oldestId] = listReply(oldest)
    return oldestId === undefined || changeIdOf(textReply(oldestId)) < change
  }

  async close(): Promise<void> {
    this.#redis.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #announce(
    kind: 'ticket-keys' | 'epoch',
    { key, value }: { key: string; value: RedisArgument },
  ): Promise<ChangeId> {
    return this.#append(PUT_AND_ANNOUNCE, { keys: [key, CHANGES_KEY], args: [value, kind] })
  }

  async #append(
    script: RedisScript,
    { keys, args, more = [] }: { keys: string[]; args: RedisArgument[]; more?: RedisArgument[] },
  ): Promise<ChangeId> {
    const reply = await this.#redis.run(script, {
      keys,
      args: [...args, this.#changeLogLength, this.#floorMs, ...more],
    })
    const id = changeIdOf(textReply(reply))
    this.#floorMs = Math.max(this.#floorMs, millisecondOf(id))
    return id
  }

  async #namesAfter(name: string): Promise<Hostname[]> {
    const from = name === '' ? '-' : `(${name}`
    const reply = await this.#redis.call(
      'ZRANGEBYLEX',
      NAMES_KEY,
      from,
      '+',
      'LIMIT',
      0,
      SWEEP_PAGE,
    )
    // Only `publish` writes names, and it is given hostnames.
    return listReply(reply).map((item) => (textReply(item) ?? '') as Hostname)
  }

  /** Empty where there is no binding (any more). */
  async #readHostnameId(name: Hostname): Promise<string> {
    const head = await this.#redis.call('GETRANGE', bindingKey(name), 0, BINDING_HEAD_BYTES - 1)
    return hostnameIdOf(bytesReply(head) ?? Buffer.of()) ?? ''
  }
}
