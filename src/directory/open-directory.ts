import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'

import type { DirectoryPublisher, EdgeDirectory } from './directory.ts'
import { openRedisDirectoryPublisher } from './redis-directory-publisher.ts'
import { openRedisEdgeDirectory } from './redis-edge-directory.ts'
import { openSqliteDirectoryPublisher } from './sqlite-directory-publisher.ts'
import { openSqliteEdgeDirectory } from './sqlite-edge-directory.ts'

export interface DirectoryOptions {
  /** `redis://` or `rediss://`; undefined: the SQLite file. */
  redisUrl: string | undefined
  /** Of the SQLite file, such as `data/directory.db`. */
  path: string
  clock: Clock
  random: Random
  logger: Logger
}

/**
 * The edge's side of whichever directory is configured. Opens also while it is out of reach: calls
 * then reject with `unavailable` until it is there.
 *
 * @throws {TypeError} where the Redis URL is not one
 */
export function openEdgeDirectory(options: DirectoryOptions): Promise<EdgeDirectory> {
  const { redisUrl: url, path, clock, random, logger } = options
  if (url === undefined) return openSqliteEdgeDirectory({ path, clock, random })
  return openRedisEdgeDirectory({ url, clock, random, logger })
}

/**
 * The control plane's side of whichever directory is configured.
 *
 * @throws {TypeError} where the Redis URL is not one
 * @throws {DirectoryError} `unavailable` where the file cannot be made
 */
export function openDirectoryPublisher(options: DirectoryOptions): Promise<DirectoryPublisher> {
  const { redisUrl: url, path, clock, random, logger } = options
  if (url === undefined) return openSqliteDirectoryPublisher({ path, clock })
  return openRedisDirectoryPublisher({ url, clock, random, logger })
}
