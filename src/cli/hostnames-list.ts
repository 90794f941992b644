import type { Command } from 'commander'

import { HOSTNAME, type ApiHostname } from './api-schema.ts'
import type { CliDeps } from './cli-deps.ts'
import { collectPages } from './collect-pages.ts'
import { hostnamesPath } from './find-hostname.ts'
import { parseLimit } from './limit-option.ts'
import { openSession, type Session, type ZoneOptions } from './session.ts'
import { renderTable, type Column } from './table.ts'
import { colourOfStatus } from './terminal.ts'

interface ListOptions extends ZoneOptions {
  contains?: string
  status?: string
  sslStatus?: string
  limit: number
}

const COLUMNS: readonly Column<ApiHostname>[] = [
  { title: 'HOSTNAME', text: ({ hostname }) => hostname, flexible: true },
  {
    title: 'STATUS',
    text: ({ status }) => status,
    colour: ({ status }) => colourOfStatus(status),
  },
  {
    title: 'CERTIFICATE',
    text: ({ ssl }) => ssl?.status ?? '-',
    colour: ({ ssl }) => (ssl ? colourOfStatus(ssl.status) : 'dim'),
  },
  { title: 'EXPIRES', text: ({ ssl }) => ssl?.expires_on?.slice(0, 10) ?? '-' },
]

/** `custos hostnames list` */
export function addHostnamesList(hostnames: Command, deps: CliDeps): Command {
  return hostnames
    .command('list')
    .description('list custom hostnames')
    .option('--contains <text>', 'only names with this text in them')
    .option('--status <status>', 'only of this status, such as pending')
    .option('--ssl-status <status>', 'only of this certificate status')
    .option('--limit <number>', 'at most so many', parseLimit, 100)
    .action((options: ListOptions) => list(deps, options))
}

async function list(deps: CliDeps, options: ListOptions): Promise<void> {
  const session = await openSession(deps, options)
  const { contains, status: hostname_status, sslStatus: ssl_status, limit } = options
  const { items, raw, total } = await collectPages(session.api, {
    path: hostnamesPath(session.zone),
    query: { 'hostname.contain': contains, hostname_status, ssl_status },
    item: HOSTNAME,
    limit,
  })
  session.print(raw, () => render(items, session))
  if (total > items.length) session.report(`${items.length} of ${total}: --limit shows more`)
}

function render(items: readonly ApiHostname[], { zone, table }: Session): string {
  if (items.length === 0) return `No custom hostnames in zone ${zone.name}\n`
  return renderTable(items, COLUMNS, table)
}
