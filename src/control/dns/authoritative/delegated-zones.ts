import type { Clock } from '#lib/clock.ts'
import type { Store } from '#store/store.ts'

export interface DelegatedZonesOptions {
  store: Pick<Store, 'zones'>
  clock: Clock
}

/** An unknown uuid may be that of a new zone, but is looked for no more often than this. */
const RENEW_AFTER_MS = 1_000
/** Zones are few and seldom go; one that went has no hostnames any more. */
const EXPIRE_AFTER_MS = 60_000
const PAGE = 10_000
/** More are not delegated to: the bound of the memory that this takes. */
const MAX_PAGES = 10

/**
 * The ids of all zones by delegation uuid, in memory: made-up uuids, however many, cost the store one
 * read a second.
 */
export class DelegatedZones {
  readonly #store: Pick<Store, 'zones'>
  readonly #clock: Clock
  #ids: ReadonlyMap<string, string> = new Map()
  #readAt = -Infinity
  #lastRead: Promise<void> = Promise.resolve()
  #isReading = false

  constructor({ store, clock }: DelegatedZonesOptions) {
    this.#store = store
    this.#clock = clock
  }

  /** @throws {StoreError} where the uuid is not known and the store cannot be asked */
  async findZoneId(delegationUuid: string): Promise<string | undefined> {
    const known = this.#ids.get(delegationUuid)
    const age = Math.abs(this.#clock.now() - this.#readAt)
    if (known !== undefined) {
      if (age >= EXPIRE_AFTER_MS) this.#read().catch(() => {})
      return known
    }
    await (age >= RENEW_AFTER_MS ? this.#read() : this.#lastRead)
    return this.#ids.get(delegationUuid)
  }

  /** A failure is everybody's until the next read: a store that is away is not asked more often. */
  #read(): Promise<void> {
    if (this.#isReading) return this.#lastRead
    this.#isReading = true
    this.#readAt = this.#clock.now()
    this.#lastRead = this.#readAll().finally(() => (this.#isReading = false))
    return this.#lastRead
  }

  async #readAll(): Promise<void> {
    const ids = new Map<string, string>()
    for (let page = 1; page <= MAX_PAGES; page++) {
      const { items } = await this.#store.zones.list({ page, perPage: PAGE })
      for (const { dcvDelegationUuid, id } of items) ids.set(dcvDelegationUuid, id)
      if (items.length < PAGE) break
    }
    this.#ids = ids
  }
}
