import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Store } from '#store/store.ts'
import type { FakeClock } from '#test/fake-clock.ts'
import { aZone } from '#test/records.ts'

/** An empty store and what a test needs beside it. */
export interface StoreUnderTest extends AsyncDisposable {
  store: Store
  /** The store's. */
  clock: FakeClock
  /** Opens the same data once more, beside `store` (another process would). */
  openAgain(): Promise<Store>
}

export type OpenStore = () => Promise<StoreUnderTest>

/** With the zone of `aHostname` in it. */
export async function openWithZone(open: OpenStore): Promise<StoreUnderTest> {
  const opened = await open()
  await opened.store.zones.create(aZone())
  return opened
}

export async function createAll(store: Store, records: readonly CustomHostname[]): Promise<void> {
  await Promise.all(records.map((record) => store.hostnames.create(record)))
}

/** As if a publication of the newest serial had reached the directory. */
export async function drainOutbox(store: Store, changeId = '1'): Promise<void> {
  for (const row of await store.outbox.list(1_000)) await store.outbox.complete(row, changeId)
}
