import { z } from 'zod'

import { messageOf, TIMELINE_KINDS } from '#domain/timeline.ts'
import type { RecordedEvent } from '#store/timeline.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import type { ApiInstance } from './api-instance.ts'
import { FAILURE_SCHEMA, pageSchema, successPage } from './envelope.ts'
import { PAGING } from './list-query.ts'
import { renderInstant } from './render-custom-hostname.ts'
import { getHostname, getZone, HOSTNAME_PARAMS } from './zone-access.ts'

const PATH = '/zones/:zone_id/custom_hostnames/:custom_hostname_id/events'

const EVENT = z
  .object({
    id: z.int().describe('Grows with each event of the hostname and is never given again.'),
    kind: z.enum(TIMELINE_KINDS),
    at: z.iso.datetime(),
    by: z.string().describe('Name of the API token; `system` for Custos itself.'),
    message: z.string().describe('One sentence for a person.'),
    details: z
      .record(z.string(), z.unknown())
      .describe('For programs; what is there, `kind` says.'),
  })
  .meta({ id: 'HostnameEvent' })

const QUERY = z.object({
  ...PAGING,
  kind: z.enum(TIMELINE_KINDS).optional().describe('Only events of this kind.'),
})

/** The timeline of a hostname; our own addition to the specification. */
export function hostnameEventRoutes(app: ApiInstance, { store }: ApiDependencies): void {
  const schema = {
    operationId: 'listHostnameEvents',
    summary: 'What happened to a custom hostname, the newest first',
    description: 'The newest few hundred are kept, for as long as the hostname is.',
    tags: ['Custom hostnames'],
    params: HOSTNAME_PARAMS,
    querystring: QUERY,
    response: { 200: pageSchema(EVENT), '4xx': FAILURE_SCHEMA },
  }
  app.get(PATH, { schema }, async ({ params, query }) => {
    const zone = await getZone(store, params.zone_id)
    const { id } = await getHostname(store, zone, params.custom_hostname_id)
    const { page, per_page: perPage, kind } = query
    const filter = kind === undefined ? {} : { kind }
    const { items, total } = await store.timeline.list(id, { page, perPage, ...filter })
    return successPage(items.map(render), { page, perPage, total })
  })
}

function render(event: RecordedEvent): z.infer<typeof EVENT> {
  const { id, kind, at, by, details } = event
  const entries = Object.entries(details).map(renderDetail)
  return {
    id,
    kind,
    at: renderInstant(at),
    by,
    message: messageOf(event),
    details: Object.fromEntries(entries),
  }
}

/** In the API's style: `retryAt: 1795392000000` is `retry_at: '2026-11-23T…'`. */
function renderDetail([key, value]: [string, unknown]): [string, unknown] {
  const name = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const isInstant = typeof value === 'number' && key.endsWith('At')
  return [name, isInstant ? renderInstant(value) : value]
}
