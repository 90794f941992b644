import type { Command } from 'commander'
import { z } from 'zod'

import { EVENT, type ApiEvent } from './api-schema.ts'
import type { CliDeps } from './cli-deps.ts'
import { findHostname, hostnamesPath } from './find-hostname.ts'
import { parseLimit } from './limit-option.ts'
import { renderInstant } from './render-hostname.ts'
import { openSession, type ZoneOptions } from './session.ts'
import { renderTable, type Column } from './table.ts'
import { colourOfEvent } from './terminal.ts'

interface EventsOptions extends ZoneOptions {
  kind?: string
  limit: number
}

/** The API's bounds of a page; it keeps fewer events of a hostname than the larger. */
const SMALLEST_PAGE = 5
const LARGEST_PAGE = 1000

const COLUMNS: readonly Column<ApiEvent>[] = [
  { title: 'WHEN', text: ({ at }) => renderInstant(at, { to: 'second' }) },
  { title: 'EVENT', text: ({ kind }) => kind, colour: ({ kind }) => colourOfEvent(kind) },
  { title: 'BY', text: ({ by }) => by },
  { title: 'WHAT', text: ({ message }) => message, flexible: true },
]

/** `custos hostnames events <hostname>` */
export function addHostnamesEvents(hostnames: Command, deps: CliDeps): Command {
  return hostnames
    .command('events')
    .description('list what happened to one custom hostname, the newest first')
    .argument('<hostname>', 'its name or id')
    .option('--kind <kind>', 'only of this kind, such as certificate.failed')
    .option('--limit <number>', 'at most so many', parseLimit, 50)
    .action((said: string, options: EventsOptions) => list(deps, said, options))
}

async function list(deps: CliDeps, said: string, options: EventsOptions): Promise<void> {
  const { api, zone, table, print, report } = await openSession(deps, options)
  const { result: hostname } = await findHostname(api, { zone, said })
  const { limit } = options
  const perPage = Math.min(Math.max(limit, SMALLEST_PAGE), LARGEST_PAGE)
  const answer = await api.call({
    path: `${hostnamesPath(zone)}/${hostname.id}/events`,
    query: { per_page: String(perPage), kind: options.kind },
    schema: z.array(EVENT),
  })
  const events = answer.result.slice(0, limit)
  const raw = z.array(z.unknown()).parse(answer.raw).slice(0, limit)
  print(raw, () => (events.length > 0 ? renderTable(events, COLUMNS, table) : 'No events\n'))
  const { total = events.length } = answer
  if (total > events.length) report(`${events.length} of ${total}: --limit shows more`)
}
