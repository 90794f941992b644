import type { Migration } from '../migrate.ts'
import { firstTables } from './0001-first-tables.ts'
import { newestChange } from './0002-newest-change.ts'
import { certificateAuthority } from './0003-certificate-authority.ts'
import { timeline } from './0004-timeline.ts'
import { rateBuckets } from './0005-rate-buckets.ts'
import { namesBelow } from './0006-names-below.ts'
import { holds } from './0007-holds.ts'
import { customCsrs } from './0008-custom-csrs.ts'
import { dueAgain } from './0009-due-again.ts'
import { holdRemovals } from './0010-hold-removals.ts'
import { writtenAfter } from './0011-written-after.ts'
import { caProgress } from './0012-ca-progress.ts'

/** In order; the first makes version 1. Never edit one that was released: add another. */
export const migrations: readonly Migration[] = [
  firstTables,
  newestChange,
  certificateAuthority,
  timeline,
  rateBuckets,
  namesBelow,
  holds,
  customCsrs,
  dueAgain,
  holdRemovals,
  writtenAfter,
  caProgress,
]
