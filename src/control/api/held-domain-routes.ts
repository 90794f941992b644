import { z } from 'zod'

import type { Hold } from '#domain/hold.ts'
import { HostnameError, parseHostname, type Hostname } from '#domain/hostname.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'
import type { ApiInstance } from './api-instance.ts'
import { FAILURE_SCHEMA, pageSchema, success, successPage, successSchema } from './envelope.ts'
import { PAGING } from './list-query.ts'
import { renderInstant } from './render-custom-hostname.ts'

const TAGS = ['Held domains']
const LIST_PATH = '/held_domains'
const ITEM_PATH = '/held_domains/:domain'
const FAILURE = { '4xx': FAILURE_SCHEMA }

const PARAMS = z.object({
  domain: z.string().describe('As hostnames are written; not a public suffix.'),
})

const LIST_QUERY = z.object({ ...PAGING, direction: z.enum(['asc', 'desc']).default('asc') })

const INPUT = z
  .object(
    {
      reason: z
        .string('must be a string')
        .max(1000, 'must have at most 1000 characters')
        .nullish()
        .describe('For operators: whoever has a blocked hostname is not told.'),
      include_subdomains: z
        .boolean('must be true or false')
        .default(true)
        .describe('Whether hostnames below the domain are held too.'),
    },
    'must be a JSON object',
  )
  .nullish()

const HELD_DOMAIN = z
  .object({
    domain: z.string(),
    reason: z.string().optional(),
    include_subdomains: z.boolean(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    enforced_at: z.iso
      .datetime()
      .optional()
      .describe('Since when all hostnames that were there are blocked. Absent: under way.'),
  })
  .meta({ id: 'HeldDomain' })

const ONE = { 200: successSchema(HELD_DOMAIN), ...FAILURE }

/**
 * Held domains: list, get, put, delete. An addition of Custos: no zone activates custom hostnames at
 * or below them (spec sections 2.1 and 3.6).
 */
export function heldDomainRoutes(app: ApiInstance, deps: ApiDependencies): void {
  listRoute(app, deps)
  getRoute(app, deps)
  putRoute(app, deps)
  deleteRoute(app, deps)
}

function listRoute(app: ApiInstance, { store }: ApiDependencies): void {
  const schema = {
    operationId: 'listHeldDomains',
    summary: 'List held domains',
    tags: TAGS,
    querystring: LIST_QUERY,
    response: { 200: pageSchema(HELD_DOMAIN), ...FAILURE },
  }
  app.get(LIST_PATH, { schema }, async ({ query }) => {
    const page = { page: query.page, perPage: query.per_page, direction: query.direction }
    const { items, total } = await store.holds.list(page)
    return successPage(items.map(render), { ...page, total })
  })
}

function getRoute(app: ApiInstance, { store, settings }: ApiDependencies): void {
  const schema = {
    operationId: 'getHeldDomain',
    summary: 'Get a held domain',
    tags: TAGS,
    params: PARAMS,
    response: ONE,
  }
  app.get(ITEM_PATH, { schema }, async ({ params }) => {
    const hold = await store.holds.find(toDomain(params.domain, settings))
    if (!hold) throw new ApiError('held-domain-not-found')
    return success(render(hold))
  })
}

function putRoute(app: ApiInstance, deps: ApiDependencies): void {
  const { store, settings, clock, lifecycle, log } = deps
  const schema = {
    operationId: 'putHeldDomain',
    summary: 'Hold a domain, or change how it is held',
    description: 'Custom hostnames that are there are blocked at once, in every zone.',
    tags: TAGS,
    params: PARAMS,
    body: INPUT,
    response: ONE,
  }
  app.put(ITEM_PATH, { schema }, async ({ params, body, principal }) => {
    const domain = toDomain(params.domain, settings)
    const reason = body?.reason || undefined
    const includeSubdomains = body?.include_subdomains ?? true
    const by = principal.name
    const wanted = { domain, reason, includeSubdomains }
    const hold = await store.holds.put(wanted, clock.now(), { by })
    lifecycle.wake()
    log.info({ ...wanted, by }, 'domain held')
    return success(render(hold))
  })
}

function deleteRoute(app: ApiInstance, deps: ApiDependencies): void {
  const { store, settings, clock, lifecycle, log } = deps
  const schema = {
    operationId: 'deleteHeldDomain',
    summary: 'Hold a domain no longer',
    description: 'Hostnames that were blocked stay so until each is edited.',
    tags: TAGS,
    params: PARAMS,
    response: { 200: successSchema(z.object({ domain: z.string() })), ...FAILURE },
  }
  app.delete(ITEM_PATH, { schema }, async ({ params, principal }) => {
    const domain = toDomain(params.domain, settings)
    const by = principal.name
    const isRemoved = await store.holds.remove(domain, clock.now(), { by })
    if (!isRemoved) throw new ApiError('held-domain-not-found')
    lifecycle.wake()
    log.info({ domain, by }, 'domain held no longer')
    return success({ domain })
  })
}

/** @throws {ApiError} `held-domain-invalid`: what no hostname can be, or can be below, is not held */
function toDomain(value: string, rules: { allowReservedTlds: boolean }): Hostname {
  try {
    return parseHostname(value, rules)
  } catch (error) {
    if (!(error instanceof HostnameError)) throw error
    throw new ApiError('held-domain-invalid', { reason: error.message })
  }
}

function render(hold: Hold): z.infer<typeof HELD_DOMAIN> {
  return {
    domain: hold.domain,
    ...(hold.reason !== undefined && { reason: hold.reason }),
    include_subdomains: hold.includeSubdomains,
    created_at: renderInstant(hold.createdAt),
    updated_at: renderInstant(hold.updatedAt),
    ...(hold.enforcedAt !== undefined && { enforced_at: renderInstant(hold.enforcedAt) }),
  }
}
