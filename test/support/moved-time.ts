import { globSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { ensurePackages } from './packages.ts'
import { tempDir } from './temp-dir.ts'

/** The wall clock of the processes that get `env`, and of all that they start (libfaketime). */
export interface MovedTime extends Disposable {
  readonly env: Readonly<Record<string, string>>
  /** Puts it that much further ahead at once, as a clock that jumps; timers run on as they did. */
  forward(ms: number): void
}

/** As it is, until it is moved. */
export async function startMovedTime(): Promise<MovedTime> {
  await ensurePackages(['faketime'])
  const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
  if (library === undefined) throw new Error('libfaketime is not where Debian has it')
  const dir = tempDir()
  const file = join(dir.path, 'offset')
  let aheadMs = 0
  // Written whole or not at all: it may be read at any moment.
  const write = (): void => {
    writeFileSync(`${file}.new`, `+${aheadMs / 1_000}s\n`)
    renameSync(`${file}.new`, file)
  }
  write()
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    forward(ms) {
      aheadMs += ms
      write()
    },
    [Symbol.dispose]: () => dir.remove(),
  }
}
