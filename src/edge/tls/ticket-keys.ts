import { hkdfSync } from 'node:crypto'

import {
  DirectoryError,
  TICKET_KEY_BYTES,
  TICKET_KEY_CONTEXT,
  type EdgeDirectory,
} from '#directory/directory.ts'
import type { Binding } from '#domain/binding.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import type { Sealer } from '#lib/sealing.ts'

const PURPOSE = 'custos session tickets v1'

export interface TicketKeysOptions {
  directory: Pick<EdgeDirectory, 'listTicketKeys'>
  sealer: Pick<Sealer, 'open'>
  random: Random
  logger: Logger
}

/**
 * The key under which session tickets are sealed, shared by all workers of all edges through the
 * directory. A random one until the directory has any: sessions then resume on the same worker only.
 *
 * Every hostname gets its own key derived from it (HKDF, RFC 5869), so a ticket of one hostname, or
 * of an earlier owner of the same hostname, is an unknown ticket anywhere else. A context takes one
 * key: after a rotation, older sessions fall back to a full handshake.
 */
export class TicketKeys {
  readonly #options: TicketKeysOptions
  #current: Uint8Array
  #generation = 0
  #stale = true
  #reading: Promise<void> | undefined
  /** It was told already that they cannot be used: they are tried again at every heartbeat. */
  #isTold = false

  constructor(options: TicketKeysOptions) {
    this.#options = options
    this.#current = options.random.bytes(TICKET_KEY_BYTES)
  }

  /** Grows whenever keys that were derived before are out of date. */
  get generation(): number {
    return this.#generation
  }

  /** The key of a binding under the current generation. */
  derive(binding: Pick<Binding, 'hostname' | 'hostnameId'>): Buffer {
    const info = `${PURPOSE}\0${binding.hostnameId}\0${binding.hostname}`
    return Buffer.from(hkdfSync('sha256', this.#current, '', info, TICKET_KEY_BYTES))
  }

  /** The directory's keys may have changed: `refresh` is due. */
  markStale(): void {
    this.#stale = true
  }

  /**
   * Reads the newest key if that is due, one read after the other. Keeps what it has while the
   * directory cannot answer. Never rejects.
   */
  async refresh(): Promise<void> {
    await this.#reading
    if (!this.#stale) return
    this.#stale = false
    this.#reading = this.#read()
    await this.#reading
  }

  async #read(): Promise<void> {
    try {
      const [newest] = await this.#options.directory.listTicketKeys()
      if (newest) this.#use(this.#options.sealer.open(newest.sealed, TICKET_KEY_CONTEXT))
      this.#isTold = false
    } catch (error) {
      this.#stale = true
      if (error instanceof DirectoryError && error.kind === 'unavailable') return
      if (this.#isTold) return
      this.#isTold = true
      this.#options.logger.error({ err: error }, 'cannot use the session ticket keys')
    }
  }

  #use(key: Uint8Array): void {
    if (key.length !== TICKET_KEY_BYTES) {
      throw new RangeError(`a ticket key has ${TICKET_KEY_BYTES} bytes: received ${key.length}`)
    }
    if (Buffer.compare(key, this.#current) === 0) return
    this.#current = key
    this.#generation += 1
  }
}
