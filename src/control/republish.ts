import type { Config } from '#config/config.ts'
import type { DirectoryPublisher } from '#directory/directory.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import type { Store } from '#store/store.ts'

import { startPublisher } from './publisher/publisher.ts'

export interface RepublishOptions {
  config: Config
  store: Store
  directory: DirectoryPublisher
  clock: Clock
  random: Random
  log: Logger
}

/**
 * Fills the directory from the store again, once: for an operator who does not trust what is there.
 * A control process may run meanwhile; it sees the deployments through.
 *
 * @returns how many hostnames were published
 * @throws {DirectoryError} while the directory cannot be reached
 */
export async function republish(options: RepublishOptions): Promise<number> {
  await using publisher = startPublisher({ ...options, onPublished: () => {} })
  return await publisher.republish()
}
