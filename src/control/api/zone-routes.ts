import { z } from 'zod'

import { HostnameError, parseHostname } from '#domain/hostname.ts'
import type { Zone } from '#domain/zone.ts'
import { StoreError } from '#store/store.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'
import type { ApiInstance } from './api-instance.ts'
import { FAILURE_SCHEMA, pageSchema, success, successPage, successSchema } from './envelope.ts'
import { PAGING } from './list-query.ts'
import { getZone, ZONE_PARAMS } from './zone-access.ts'
import { ACCOUNT, renderZone, ZONE } from './zone-schema.ts'

const TAGS = ['Zones']
const ONE = successSchema(ZONE)
const FAILURE = { '4xx': FAILURE_SCHEMA }

const LIST_QUERY = z.object({
  ...PAGING,
  name: z
    .string('must be given once')
    .max(253, 'must have at most 253 characters')
    .optional()
    .describe('The whole name.'),
  status: z.enum(['initializing', 'pending', 'active', 'moved']).optional(),
  'account.id': z
    .string('must be given once')
    .max(64, 'must have at most 64 characters')
    .optional(),
  order: z.enum(['name', 'status', 'account.id', 'account.name', 'plan.id']).optional(),
  direction: z.enum(['asc', 'desc']).default('asc'),
})

const ZONE_NAME = z
  .string('must be a string')
  .toLowerCase()
  .regex(
    /^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?$/,
    'must have 1 to 253 letters, digits, dots, - or _, and no dot or - at either end',
  )

const CNAME_TARGET = z
  .string('must be a string')
  .max(255, 'must have at most 255 characters')
  .nullish()
  .describe('What customers point their CNAME at. An addition of Custos.')

const CREATE_INPUT = z
  .object({ name: ZONE_NAME, cname_target: CNAME_TARGET }, 'must be a JSON object')
  .meta({ id: 'ZoneCreate' })

const EDIT_INPUT = z.object({ cname_target: CNAME_TARGET }, 'must be a JSON object')

/** Zones: list, create, get, edit, delete. */
export function zoneRoutes(app: ApiInstance, deps: ApiDependencies): void {
  listRoute(app, deps)
  createRoute(app, deps)
  itemRoutes(app, deps)
}

function listRoute(app: ApiInstance, { store, settings }: ApiDependencies): void {
  const schema = {
    operationId: 'listZones',
    summary: 'List zones',
    tags: TAGS,
    querystring: LIST_QUERY,
    response: { 200: pageSchema(ZONE), ...FAILURE },
  }
  app.get('/zones', { schema }, async ({ query }) => {
    const page = { page: query.page, perPage: query.per_page, direction: query.direction }
    const name = query.name === undefined ? {} : { name: query.name.toLowerCase() }
    const found = canMatch(query) ? await store.zones.list({ ...page, ...name }) : undefined
    const items = (found?.items ?? []).map((zone) => renderZone(zone, settings.cnameTarget))
    return successPage(items, { ...page, total: found?.total ?? 0 })
  })
}

/** Every zone is active, and of the one account. */
function canMatch(query: z.infer<typeof LIST_QUERY>): boolean {
  const isOurs = query['account.id'] === undefined || query['account.id'] === ACCOUNT.id
  return isOurs && (query.status === undefined || query.status === 'active')
}

function createRoute(app: ApiInstance, deps: ApiDependencies): void {
  const schema = {
    operationId: 'createZone',
    summary: 'Create a zone',
    tags: TAGS,
    body: CREATE_INPUT,
    response: { 200: ONE, ...FAILURE },
  }
  app.post('/zones', { schema }, async ({ body }) => {
    const zone = newZone(deps, body)
    try {
      await deps.store.zones.create(zone)
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'duplicate') throw error
      throw new ApiError('zone-duplicate', { reason: zone.name, pointer: '/name' })
    }
    return success(renderZone(zone, deps.settings.cnameTarget))
  })
}

function newZone({ random, clock }: ApiDependencies, input: z.infer<typeof CREATE_INPUT>): Zone {
  return {
    id: Buffer.from(random.bytes(16)).toString('hex'),
    name: input.name,
    createdAt: clock.now(),
    fallbackOrigin: undefined,
    cnameTarget: toCnameTarget(input.cname_target),
    dcvDelegationUuid: Buffer.from(random.bytes(8)).toString('hex'),
    settings: { alwaysUseHttps: true },
  }
}

/** A tenant's resolver must follow it, but it may well lie in a private test domain. */
function toCnameTarget(value: string | null | undefined): string | undefined {
  if (!value) return undefined
  try {
    return parseHostname(value, { allowReservedTlds: true })
  } catch (error) {
    if (!(error instanceof HostnameError)) throw error
    const reason = `cname_target ${error.message}`
    throw new ApiError('body-invalid', { reason, pointer: '/cname_target' })
  }
}

function itemRoutes(app: ApiInstance, { store, settings }: ApiDependencies): void {
  const path = '/zones/:zone_id'
  const common = { tags: TAGS, params: ZONE_PARAMS }

  const get = { operationId: 'getZone', summary: 'Get a zone', ...common }
  app.get(path, { schema: { ...get, response: { 200: ONE, ...FAILURE } } }, async ({ params }) =>
    success(renderZone(await getZone(store, params.zone_id), settings.cnameTarget)),
  )

  const edit = { operationId: 'editZone', summary: 'Edit a zone', ...common, body: EDIT_INPUT }
  const editSchema = { ...edit, response: { 200: ONE, ...FAILURE } }
  app.patch(path, { schema: editSchema }, async ({ params, body }) => {
    const zone = await getZone(store, params.zone_id)
    if (body.cname_target === undefined) return success(renderZone(zone, settings.cnameTarget))
    const cnameTarget = toCnameTarget(body.cname_target)
    const edited = await store.zones.update(zone.id, (current) => ({ ...current, cnameTarget }))
    return success(renderZone(edited ?? zone, settings.cnameTarget))
  })

  const remove = { operationId: 'deleteZone', summary: 'Delete an empty zone', ...common }
  const removed = successSchema(z.object({ id: z.string() }))
  const removeSchema = { ...remove, response: { 200: removed, ...FAILURE } }
  app.delete(path, { schema: removeSchema }, async ({ params }) => {
    const { id } = await getZone(store, params.zone_id)
    await removeZone(store, id)
    return success({ id })
  })
}

async function removeZone(store: ApiDependencies['store'], id: string): Promise<void> {
  try {
    await store.zones.remove(id)
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'not-empty') throw error
    throw new ApiError('zone-not-empty')
  }
}
