import type { Command } from 'commander'

import type { Clock } from '#lib/clock.ts'

import type { Output } from './terminal.ts'

/** All that the commands touch of the world. */
export interface CliDeps {
  /** Of Custos, for `--version`. */
  version: string
  stdout: Output
  stderr: Output
  env: Readonly<Record<string, string | undefined>>
  fetch: typeof fetch
  /** @throws when there is no such file */
  readFile: (path: string) => string
  clock: Clock
  /** Adds the commands that run the product itself (`serve`, `control`, `edge`, …). */
  processCommands?: (program: Command) => void
}
