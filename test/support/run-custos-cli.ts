import { readFileSync } from 'node:fs'

import { runCli } from '#cli/cli.ts'
import type { CliDeps } from '#cli/cli-deps.ts'
import { systemClock } from '#lib/clock.ts'

export interface CliRun {
  code: number
  stdout: string
  stderr: string
}

export interface CliSetting extends Partial<CliDeps> {
  /** Standard output and error are a terminal of this width. @default neither is a terminal */
  terminal?: number
}

/** Runs one command line of `custos` in this process. */
export async function runCustosCli(
  argv: readonly string[],
  { terminal, ...deps }: CliSetting = {},
): Promise<CliRun> {
  const run: CliRun = { code: -1, stdout: '', stderr: '' }
  const isTty = terminal !== undefined
  run.code = await runCli(argv, {
    version: '0.0.0-test',
    stdout: { write: (text) => void (run.stdout += text), isTty, columns: terminal },
    stderr: { write: (text) => void (run.stderr += text), isTty, columns: terminal },
    env: {},
    fetch,
    readFile: (path) => readFileSync(path, 'utf8'),
    clock: systemClock,
    ...deps,
  })
  return run
}
