import { InvalidArgumentError, Option, type Command } from 'commander'

import { parseDuration } from '#lib/duration.ts'
import { FormError } from '#lib/form-error.ts'

export interface WaitFlags {
  wait?: boolean
  /** Milliseconds. */
  timeout: number
}

const DEFAULT_TIMEOUT = '5m'

export function addWaitOptions(command: Command, meaning: string): Command {
  return command
    .option('--wait', meaning)
    .addOption(
      new Option('--timeout <duration>', 'how long to wait')
        .default(parseDuration(DEFAULT_TIMEOUT), DEFAULT_TIMEOUT)
        .argParser(parseTimeout),
    )
}

function parseTimeout(text: string): number {
  try {
    return parseDuration(text, { min: '1s', max: '7d' })
  } catch (error) {
    if (error instanceof FormError) throw new InvalidArgumentError(`It ${error.message}.`)
    throw error
  }
}
