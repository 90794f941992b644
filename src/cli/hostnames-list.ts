import type { Command } from 'commander'
import { z } from 'zod'

import { HOSTNAME, type ApiHostname } from './api-schema.ts'
import type { CliDeps } from './cli-deps.ts'
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

const LARGEST_PAGE = 1000
const SMALLEST_PAGE = 5

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
  const { items, raw, total } = await collect(session, options)
  session.print(raw, () => render(items, session))
  if (total > items.length) session.report(`${items.length} of ${total}: --limit shows more`)
}

function render(items: readonly ApiHostname[], { zone, table }: Session): string {
  if (items.length === 0) return `No custom hostnames in zone ${zone.name}\n`
  return renderTable(items, COLUMNS, table)
}

interface Collected {
  items: ApiHostname[]
  raw: unknown[]
  total: number
}

async function collect({ api, zone }: Session, options: ListOptions): Promise<Collected> {
  const { limit } = options
  const perPage = Math.min(Math.max(limit, SMALLEST_PAGE), LARGEST_PAGE)
  const found: Collected = { items: [], raw: [], total: 0 }
  for (let page = 1; found.items.length < limit; page++) {
    const answer = await api.call({
      path: hostnamesPath(zone),
      query: {
        page: String(page),
        per_page: String(perPage),
        'hostname.contain': options.contains,
        hostname_status: options.status,
        ssl_status: options.sslStatus,
      },
      schema: z.array(HOSTNAME),
    })
    found.items.push(...answer.result)
    found.raw.push(...z.array(z.unknown()).parse(answer.raw))
    found.total = answer.total ?? found.items.length
    if (answer.result.length < perPage) break
  }
  return { ...found, items: found.items.slice(0, limit), raw: found.raw.slice(0, limit) }
}
