import type { Command } from 'commander'

import { listSettings } from '#config/settings.ts'
import type { SettingDescription } from '#lib/settings.ts'

import type { CliDeps } from './cli-deps.ts'
import { renderTable, type Column } from './table.ts'
import { createPaint } from './terminal.ts'

const COLUMNS: readonly Column<SettingDescription>[] = [
  { title: 'VARIABLE', text: ({ variable }) => variable },
  { title: 'DEFAULT', text: ({ fallback }) => fallback },
  { title: 'MEANING', text: ({ meaning }) => meaning, flexible: true },
]

/** `custos settings` */
export function addSettings(program: Command, deps: CliDeps): Command {
  return program
    .command('settings')
    .description('list all settings, their defaults and meanings')
    .option('--json', 'print JSON, for programs')
    .option('--markdown', 'print a Markdown table, for the README')
    .action((options: { json?: boolean; markdown?: boolean }) => {
      deps.stdout.write(render(options, deps))
    })
}

function render(options: { json?: boolean; markdown?: boolean }, deps: CliDeps): string {
  const settings = listSettings()
  if (options.json) return `${JSON.stringify(settings, null, 2)}\n`
  if (options.markdown) return renderMarkdown(settings)
  const { stdout, env } = deps
  return renderTable(settings, COLUMNS, { output: stdout, paint: createPaint(stdout, env) })
}

function renderMarkdown(settings: readonly SettingDescription[]): string {
  const rows = settings.map(({ variable, path, fallback, meaning }) => {
    const inFile = path ? `\`${path}\`` : ''
    return `| \`${variable}\` | ${inFile} | \`${fallback}\` | ${meaning} |`
  })
  const head = ['| variable | in the file | default | meaning |', '|---|---|---|---|']
  return `${[...head, ...rows].join('\n')}\n`
}
