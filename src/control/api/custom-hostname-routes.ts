import { z } from 'zod'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import { foldName } from '#domain/hostname.ts'

import { FAILURE_SCHEMA, pageSchema, success, successPage, successSchema } from './envelope.ts'
import type { ApiDependencies } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'
import type { ApiInstance } from './api-instance.ts'
import { applyChange } from './apply-change.ts'
import { createHostname, requestRemoval } from './create-custom-hostname.ts'
import { readUploads } from './custom-certificate-input.ts'
import {
  CREATE_INPUT,
  EDIT_INPUT,
  toCustomOrigin,
  type EditInput,
} from './custom-hostname-input.ts'
import { CUSTOM_HOSTNAME } from './custom-hostname-schema.ts'
import { editCustomHostname, type HostnameEdit } from './edit-custom-hostname.ts'
import { LIST_QUERY, toFilter, toPage } from './list-query.ts'
import { presentHostname, presentHostnames } from './present-custom-hostnames.ts'
import { checkQuota } from './quota.ts'
import { toSslConfig, type SslInput } from './ssl-input.ts'
import { getHostname, getZone, HOSTNAME_PARAMS, ZONE_PARAMS } from './zone-access.ts'

const TAGS = ['Custom hostnames']
const LIST_PATH = '/zones/:zone_id/custom_hostnames'
const ITEM_PATH = '/zones/:zone_id/custom_hostnames/:custom_hostname_id'
const ONE = successSchema(CUSTOM_HOSTNAME)
const FAILURE = { '4xx': FAILURE_SCHEMA }

/** Custom hostnames: list, create, get, edit, delete (spec sections 1.2 to 1.6). */
export function customHostnameRoutes(app: ApiInstance, deps: ApiDependencies): void {
  listRoute(app, deps)
  createRoute(app, deps)
  getRoute(app, deps)
  editRoute(app, deps)
  deleteRoute(app, deps)
}

function listRoute(app: ApiInstance, deps: ApiDependencies): void {
  const schema = {
    operationId: 'listCustomHostnames',
    summary: 'List custom hostnames',
    tags: TAGS,
    params: ZONE_PARAMS,
    querystring: LIST_QUERY,
    response: { 200: pageSchema(CUSTOM_HOSTNAME), ...FAILURE },
  }
  app.get(LIST_PATH, { schema }, async ({ params, query }) => {
    const filter = toFilter(query)
    const zone = await getZone(deps.store, params.zone_id)
    const page = toPage(query)
    const found = filter && (await deps.store.hostnames.list(zone.id, filter, page))
    const items = await presentHostnames(deps, zone, found?.items ?? [])
    return successPage(items, { ...page, total: found?.total ?? 0 })
  })
}

function createRoute(app: ApiInstance, deps: ApiDependencies): void {
  const schema = {
    operationId: 'createCustomHostname',
    summary: 'Create a custom hostname and start its validation',
    tags: TAGS,
    params: ZONE_PARAMS,
    body: CREATE_INPUT,
    response: { 201: ONE, ...FAILURE },
  }
  app.post(LIST_PATH, { schema }, async ({ params, body, principal }, reply) => {
    const zone = await getZone(deps.store, params.zone_id)
    const messages = await checkQuota(deps, zone)
    const record = await createHostname(deps, zone, { input: body, by: principal.name })
    await deps.lifecycle.begin(record.id)
    const newest = (await deps.store.hostnames.find(record.id)) ?? record
    return reply.code(201).send(success(await presentHostname(deps, zone, newest), messages))
  })
}

function getRoute(app: ApiInstance, deps: ApiDependencies): void {
  const schema = {
    operationId: 'getCustomHostname',
    summary: 'Get a custom hostname',
    tags: TAGS,
    params: HOSTNAME_PARAMS,
    response: { 200: ONE, ...FAILURE },
  }
  app.get(ITEM_PATH, { schema }, async ({ params }) => {
    const zone = await getZone(deps.store, params.zone_id)
    const record = await getHostname(deps.store, zone, params.custom_hostname_id)
    return success(await presentHostname(deps, zone, record))
  })
}

function editRoute(app: ApiInstance, deps: ApiDependencies): void {
  const schema = {
    operationId: 'editCustomHostname',
    summary: 'Edit a custom hostname, or validate it now',
    description:
      'An empty object, or `ssl` as it is, asks to validate now. `ssl.settings` is replaced whole: of a hostname with a certificate of its own, send that and its key again. A `method` brings it back to managed certificates.',
    tags: TAGS,
    params: HOSTNAME_PARAMS,
    body: EDIT_INPUT,
    response: { 202: ONE, ...FAILURE },
  }
  app.patch(ITEM_PATH, { schema }, async ({ params, body, principal }, reply) => {
    const zone = await getZone(deps.store, params.zone_id)
    const record = await getHostname(deps.store, zone, params.custom_hostname_id)
    const { id } = record
    // Revived, it counts again.
    const messages = record.ownership.state === 'deleted' ? await checkQuota(deps, zone) : []
    const edit = await toEdit(deps, record, body)
    const now = deps.clock.now()
    let before = record
    const edited = await applyChange(deps.store, id, {
      change: (current) => {
        before = current
        return editCustomHostname(current, edit, now)
      },
      by: principal.name,
    })
    await deps.lifecycle.dropOrders(before, edited)
    await deps.lifecycle.begin(id)
    const newest = (await deps.store.hostnames.find(id)) ?? edited
    return reply.code(202).send(success(await presentHostname(deps, zone, newest), messages))
  })
}

function deleteRoute(app: ApiInstance, deps: ApiDependencies): void {
  const schema = {
    operationId: 'deleteCustomHostname',
    summary: 'Delete a custom hostname',
    description: 'It is `pending_deletion` until no edge serves it, then gone.',
    tags: TAGS,
    params: HOSTNAME_PARAMS,
    response: {
      200: z.object({ id: z.uuid(), ...successSchema(z.object({ id: z.uuid() })).shape }),
      ...FAILURE,
    },
  }
  app.delete(ITEM_PATH, { schema }, async ({ params, principal }) => {
    const zone = await getZone(deps.store, params.zone_id)
    const { id } = await getHostname(deps.store, zone, params.custom_hostname_id)
    const removed = await requestRemoval(deps, id, { by: principal.name })
    if (!removed) throw new ApiError('hostname-not-found')
    deps.lifecycle.wake()
    // The SDKs read the top-level id; whoever expects the envelope finds that too.
    return { id, ...success({ id }) }
  })
}

/** @throws {ApiError} one of 1407 to 1420, and those of certificates */
async function toEdit(
  { settings, random, uploads }: Pick<ApiDependencies, 'settings' | 'random' | 'uploads'>,
  record: CustomHostname,
  body: EditInput,
): Promise<HostnameEdit> {
  const origin = toCustomOrigin(body, settings)
  const { custom_metadata: metadata, ssl } = body
  return {
    ...(body.hostname !== undefined && { hostname: foldName(body.hostname) }),
    ...(metadata !== undefined && { customMetadata: { value: metadata ?? undefined } }),
    ...(body.custom_origin_server !== undefined && {
      customOriginServer: { value: origin.server },
    }),
    ...(body.custom_origin_sni !== undefined && { customOriginSni: { value: origin.sni } }),
    ...(ssl !== undefined && { ssl: await toSslEdit(ssl, record, { random, uploads }) }),
  }
}

async function toSslEdit(
  ssl: SslInput | null,
  { id: hostnameId, zoneId, hostname }: CustomHostname,
  { random, uploads }: Pick<ApiDependencies, 'random' | 'uploads'>,
): Promise<NonNullable<HostnameEdit['ssl']>> {
  if (!ssl) return { value: undefined }
  const value = toSslConfig(ssl, random.uuid())
  const target = { ...value, hostnameId, zoneId, hostname }
  return { value, uploads: await readUploads(uploads, ssl, target) }
}
