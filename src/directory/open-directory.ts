import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'

import type { DirectoryPublisher, EdgeDirectory } from './directory.ts'
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

/** The edge's side of whichever directory is configured. Opens also while it is out of reach. */
export function openEdgeDirectory(options: DirectoryOptions): Promise<EdgeDirectory> {
  return openSqliteEdgeDirectory(options)
}

/** The control plane's side of whichever directory is configured. */
export function openDirectoryPublisher(options: DirectoryOptions): Promise<DirectoryPublisher> {
  return openSqliteDirectoryPublisher(options)
}
