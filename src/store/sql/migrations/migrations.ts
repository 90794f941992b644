import type { Migration } from '../migrate.ts'
import { firstTables } from './0001-first-tables.ts'

/** In order; the first makes version 1. Never edit one that was released: add another. */
export const migrations: readonly Migration[] = [firstTables]
