import { Command, CommanderError } from 'commander'

import { ConfigError } from '#config/config.ts'

import { addApiOptions } from './api-options.ts'
import type { CliDeps } from './cli-deps.ts'
import { CliError } from './cli-error.ts'
import { addDoctor } from './doctor.ts'
import { EXIT_CODES, renderExitCodes, type ExitKind } from './exit-codes.ts'
import { addHoldsAdd } from './holds-add.ts'
import { addHoldsList } from './holds-list.ts'
import { addHoldsRemove } from './holds-remove.ts'
import { addHostnamesAdd } from './hostnames-add.ts'
import { addHostnamesEvents } from './hostnames-events.ts'
import { addHostnamesList } from './hostnames-list.ts'
import { addHostnamesRefresh } from './hostnames-refresh.ts'
import { addHostnamesRemove } from './hostnames-remove.ts'
import { addHostnamesShow } from './hostnames-show.ts'
import { addSettings } from './settings.ts'
import { createPaint, plain } from './terminal.ts'

/** The `custos` program with all its commands. Never ends the process: `runCli` says how it ended. */
export function createCli(deps: CliDeps): Command {
  const { stdout, stderr } = deps
  const program = new Command('custos')
    .description('SSL for SaaS on your own machines: custom hostnames, proved, certified, served')
    .version(deps.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? 80,
      getErrHelpWidth: () => stderr.columns ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', `\n${renderExitCodes()}`)
  deps.processCommands?.(program)
  addHostnames(program, deps)
  addHolds(program, deps)
  addZoneOptions(addDoctor(program, deps))
  addSettings(program, deps)
  return program
}

/**
 * Runs one command line (without `node` and the script) and tells what went wrong on standard error.
 *
 * @returns the exit code
 */
export async function runCli(argv: readonly string[], deps: CliDeps): Promise<number> {
  try {
    await createCli(deps).parseAsync([...argv], { from: 'user' })
    return EXIT_CODES.ok.code
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? EXIT_CODES.ok.code : EXIT_CODES.usage.code
    }
    const { kind, lines } = describe(error)
    const paint = createPaint(deps.stderr, deps.env)
    for (const line of lines) deps.stderr.write(`${paint('red', 'custos:')} ${plain(line)}\n`)
    return EXIT_CODES[kind].code
  }
}

function addHostnames(program: Command, deps: CliDeps): void {
  const hostnames = program
    .command('hostnames')
    .description('custom hostnames: add, list, show, events, refresh, remove')
  const commands = [
    addHostnamesAdd(hostnames, deps),
    addHostnamesList(hostnames, deps),
    addHostnamesShow(hostnames, deps),
    addHostnamesEvents(hostnames, deps),
    addHostnamesRefresh(hostnames, deps),
    addHostnamesRemove(hostnames, deps),
  ]
  for (const command of commands) addZoneOptions(command)
}

function addZoneOptions(command: Command): void {
  addApiOptions(command.option('--zone <zone>', 'name or id (default: the only zone)'))
}

function addHolds(program: Command, deps: CliDeps): void {
  const holds = program.command('holds').description('held domains: add, list, remove')
  const commands = [
    addHoldsAdd(holds, deps),
    addHoldsList(holds, deps),
    addHoldsRemove(holds, deps),
  ]
  for (const command of commands) addApiOptions(command)
}

function describe(error: unknown): { kind: ExitKind; lines: string[] } {
  if (error instanceof CliError) {
    return { kind: error.kind, lines: [withHint(error)] }
  }
  if (error instanceof ConfigError) {
    const lines = error.mistakes.map(({ name, message }) => `${name}: ${message}`)
    return { kind: 'configuration', lines }
  }
  return { kind: 'failed', lines: [error instanceof Error ? error.message : String(error)] }
}

function withHint({ message, hint }: CliError): string {
  return hint === undefined ? message : `${message} (${hint})`
}
