import { Redis } from 'ioredis'

import { backoffMs } from '#lib/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'

import { DirectoryError } from './directory.ts'
import { parseRedisUrl, type RedisServer } from './redis-url.ts'

export interface RedisConnectionOptions {
  /** `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS. */
  url: string
  clock: Clock
  random: Random
  logger: Logger
  /**
   * How long a command may take before it counts as failed, in milliseconds.
   *
   * @default 1_000
   */
  commandTimeoutMs?: number
}

/** Lua, run by its SHA-1. Touches only the keys it is given. */
export interface RedisScript {
  text: string
  sha1: string
}

export type RedisArgument = string | number | Buffer

/** How long opening waits for the server before it goes on without. */
const FIRST_ATTEMPT_MS = 2_000
const RECONNECT = { firstMs: 25, maxMs: 2_000 }

/**
 * A connection that fails fast: while the server is away every command rejects at once (nothing is
 * queued, nothing is sent twice), and it reconnects for ever. All it rejects with are
 * `DirectoryError`s, without what ioredis attaches to its own: the arguments of the command, among
 * which can be a password.
 */
export class RedisConnection {
  readonly #client: Redis
  readonly #server: RedisServer
  readonly #logger: Logger
  #isAway = false
  #sessions = 0

  private constructor(options: RedisConnectionOptions) {
    const { url, random, logger, commandTimeoutMs = 1_000 } = options
    this.#server = parseRedisUrl(url)
    this.#logger = logger
    const { host, port, username, password, database, isTls } = this.#server
    this.#client = new Redis({
      host,
      port,
      db: database,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(isTls ? { tls: { servername: host } } : {}),
      lazyConnect: true,
      connectionName: 'custos',
      connectTimeout: FIRST_ATTEMPT_MS,
      commandTimeout: commandTimeoutMs,
      // A peer that vanished without a word: commands time out, and then the socket is given up.
      socketTimeout: commandTimeoutMs * 2,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => backoffMs(times, random.fraction(), RECONNECT),
      // A primary that became a replica refuses writes: look for the new one under the same name.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    })
    this.#client.on('ready', () => this.#onReady())
    this.#client.on('error', (error: Error) => this.#onError(error))
  }

  /**
   * Resolves after the first attempt to connect, whether it succeeded or not.
   *
   * @throws {TypeError} where the URL is not one
   */
  static async open(options: RedisConnectionOptions): Promise<RedisConnection> {
    const connection = new RedisConnection(options)
    await connection.#attempt(options.clock)
    return connection
  }

  /** Grows with each connection to the server. */
  get sessions(): number {
    return this.#sessions
  }

  /** @throws {DirectoryError} `unavailable` */
  async call(command: string, ...args: RedisArgument[]): Promise<unknown> {
    try {
      return await this.#client.callBuffer(command, ...args)
    } catch (error) {
      throw this.#unavailable(error)
    }
  }

  /** @throws {DirectoryError} `unavailable` */
  async run(
    script: RedisScript,
    { keys, args = [] }: { keys: readonly string[]; args?: readonly RedisArgument[] },
  ): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args]
    try {
      return await this.#client.callBuffer('EVALSHA', script.sha1, ...rest)
    } catch (error) {
      const isUnknown = error instanceof Error && error.message.startsWith('NOSCRIPT')
      if (!isUnknown) throw this.#unavailable(error)
      return this.call('EVAL', script.text, ...rest)
    }
  }

  /** Ends it at once; running commands reject. Idempotent. */
  close(): void {
    this.#client.disconnect()
  }

  async #attempt(clock: Clock): Promise<void> {
    const over = new AbortController()
    const first = this.#client.connect().catch(() => undefined)
    const deadline = clock.sleep(FIRST_ATTEMPT_MS, over.signal).catch(() => undefined)
    await Promise.race([first, deadline])
    over.abort()
  }

  #onReady(): void {
    this.#sessions++
    if (this.#isAway) this.#logger.info({ redis: this.#server.address }, 'Redis is back')
    this.#isAway = false
  }

  /** Once an outage: ioredis reports every attempt. */
  #onError(error: Error): void {
    if (this.#isAway) return
    this.#isAway = true
    this.#logger.warn(
      { redis: this.#server.address, reason: this.#reasonOf(error) },
      'Redis is out of reach',
    )
  }

  #unavailable(error: unknown): DirectoryError {
    const { address } = this.#server
    return new DirectoryError(
      'unavailable',
      `Cannot use Redis at ${address}: ${this.#reasonOf(error)}`,
    )
  }

  /** Redis may repeat a command that it refuses, and AUTH and HELLO carry the password. */
  #reasonOf(error: unknown): string {
    if (!(error instanceof Error)) return 'unknown error'
    const { password } = this.#server
    const message = error.message.replace(/,? with args beginning with.*/s, '')
    return password ? message.replaceAll(password, '***') : message
  }
}
