import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TempDir extends Disposable {
  /** Absolute, exists, empty at first. */
  readonly path: string
  /** Removes the folder and all in it; idempotent. What `using` calls. */
  remove(): void
}

/** A new folder below the system's temporary one: `using dir = tempDir()`. */
export function tempDir(): TempDir {
  const path = mkdtempSync(join(tmpdir(), 'custos-test-'))
  const remove = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  return { path, remove, [Symbol.dispose]: remove }
}
