import { StoreError, type StoreErrorKind } from '../../store.ts'

/** Primary result codes (sqlite.org/rescode.html) that say something about the outside world. */
const KINDS: Readonly<Record<number, StoreErrorKind>> = {
  3: 'unavailable', // SQLITE_PERM
  5: 'unavailable', // SQLITE_BUSY
  6: 'unavailable', // SQLITE_LOCKED
  8: 'unavailable', // SQLITE_READONLY
  10: 'unavailable', // SQLITE_IOERR
  11: 'corrupt', // SQLITE_CORRUPT
  13: 'unavailable', // SQLITE_FULL
  14: 'unavailable', // SQLITE_CANTOPEN
  26: 'corrupt', // SQLITE_NOTADB
}
const BUSY = 5
const CONSTRAINT_PRIMARYKEY = 1555
const CONSTRAINT_UNIQUE = 2067

/** Turns what SQLite says into a `StoreError` that names the file; other errors stay as they are. */
export function toStoreError(error: unknown, path: string): unknown {
  if (!isSqliteError(error)) return error
  const { errcode, message } = error
  if (errcode === CONSTRAINT_PRIMARYKEY || errcode === CONSTRAINT_UNIQUE) {
    return new StoreError('duplicate', `Cannot write: ${message}`, { cause: error })
  }
  // The low byte is the primary code.
  const kind = KINDS[errcode % 256]
  if (!kind) return error
  return new StoreError(kind, `Cannot use the database ${path}: ${message}`, { cause: error })
}

/** Another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && error.errcode % 256 === BUSY
}

function isSqliteError(error: unknown): error is Error & { errcode: number } {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
}
