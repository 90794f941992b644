import type { Migration } from '../migrate.ts'
import { firstTables } from './0001-first-tables.ts'
import { newestChange } from './0002-newest-change.ts'
import { certificateAuthority } from './0003-certificate-authority.ts'
import { customCsrs } from './0006-custom-csrs.ts'

/** In order; the first makes version 1. Never edit one that was released: add another. */
export const migrations: readonly Migration[] = [
  firstTables,
  newestChange,
  certificateAuthority,
  customCsrs,
]
