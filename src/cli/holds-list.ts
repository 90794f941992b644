import type { Command } from 'commander'

import type { ApiOptions } from './api-options.ts'
import { HOLD, type ApiHold } from './api-schema.ts'
import type { CliDeps } from './cli-deps.ts'
import { collectPages } from './collect-pages.ts'
import { parseLimit } from './limit-option.ts'
import { renderInstant } from './render-hostname.ts'
import { openApi } from './session.ts'
import { renderTable, type Column } from './table.ts'

interface ListOptions extends ApiOptions {
  limit: number
}

const COLUMNS: readonly Column<ApiHold>[] = [
  { title: 'DOMAIN', text: ({ domain }) => domain },
  {
    title: 'SUBDOMAINS',
    text: ({ include_subdomains: isWhole }) => (isWhole ? 'held too' : 'free'),
  },
  { title: 'SINCE', text: ({ created_at: since }) => renderInstant(since) },
  {
    title: 'HOSTNAMES',
    text: ({ enforced_at: at }) => (at === undefined ? 'being blocked' : 'blocked'),
    colour: ({ enforced_at: at }) => (at === undefined ? 'yellow' : 'green'),
  },
  { title: 'REASON', text: ({ reason }) => reason ?? '-', flexible: true },
]

/** `custos holds list` */
export function addHoldsList(holds: Command, deps: CliDeps): Command {
  return holds
    .command('list')
    .description('list held domains')
    .option('--limit <number>', 'at most so many', parseLimit, 100)
    .action((options: ListOptions) => list(deps, options))
}

async function list(deps: CliDeps, options: ListOptions): Promise<void> {
  const { api, print, report, table } = openApi(deps, options)
  const { limit } = options
  const { items, raw, total } = await collectPages(api, {
    path: '/held_domains',
    item: HOLD,
    limit,
  })
  print(raw, () => (items.length > 0 ? renderTable(items, COLUMNS, table) : 'No held domains\n'))
  if (total > items.length) report(`${items.length} of ${total}: --limit shows more`)
}
