import { z } from 'zod'

import type { Zone } from '#domain/zone.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import type { ApiInstance } from './api-instance.ts'
import { FAILURE_SCHEMA, success, successSchema } from './envelope.ts'
import { countUsed } from './quota.ts'
import { getZone, ZONE_PARAMS } from './zone-access.ts'

const FAILURE = { '4xx': FAILURE_SCHEMA }

/** Shown where no quota is set: the largest number that every client reads exactly. */
const UNLIMITED = Number.MAX_SAFE_INTEGER

const SETTING = z
  .object({
    id: z.literal('always_use_https'),
    value: z.enum(['on', 'off']),
    editable: z.literal(true),
    modified_on: z.null(),
  })
  .meta({ id: 'AlwaysUseHttps' })

const SETTING_INPUT = z.object(
  { value: z.enum(['on', 'off'], "must be 'on' or 'off'") },
  'must be a JSON object',
)

/** What belongs to a zone apart from its hostnames: quota, DCV delegation, settings. */
export function zoneDetailRoutes(app: ApiInstance, deps: ApiDependencies): void {
  quotaRoute(app, deps)
  delegationRoute(app, deps)
  settingRoutes(app, deps)
}

function quotaRoute(app: ApiInstance, { store, settings }: ApiDependencies): void {
  const quota = z.object({
    allocated: z.int(),
    used: z.int(),
    exceeded: z.boolean(),
    hard_cap: z.int(),
  })
  const schema = {
    operationId: 'getQuota',
    summary: 'How many custom hostnames the zone may have, and has',
    tags: ['Custom hostnames'],
    params: ZONE_PARAMS,
    response: { 200: successSchema(quota), ...FAILURE },
  }
  app.get('/zones/:zone_id/custom_hostnames/quota', { schema }, async ({ params }) => {
    const zone = await getZone(store, params.zone_id)
    const used = await countUsed({ store }, zone)
    const { allocated = UNLIMITED, hardCap = UNLIMITED } = settings.quota ?? {}
    return success({ allocated, used, exceeded: used >= allocated, hard_cap: hardCap })
  })
}

function delegationRoute(app: ApiInstance, { store }: ApiDependencies): void {
  const schema = {
    operationId: 'getDcvDelegation',
    summary: 'The name below which DCV is delegated',
    description: 'Customers add `_acme-challenge.<hostname> CNAME <hostname>.<uuid>.<DCV zone>`.',
    tags: ['Zones'],
    params: ZONE_PARAMS,
    response: { 200: successSchema(z.object({ uuid: z.string() })), ...FAILURE },
  }
  app.get('/zones/:zone_id/dcv_delegation/uuid', { schema }, async ({ params }) => {
    const zone = await getZone(store, params.zone_id)
    return success({ uuid: zone.dcvDelegationUuid })
  })
}

function settingRoutes(app: ApiInstance, { store, lifecycle }: ApiDependencies): void {
  const path = '/zones/:zone_id/settings/always_use_https'
  const common = {
    tags: ['Zones'],
    params: ZONE_PARAMS,
    response: { 200: successSchema(SETTING), ...FAILURE },
  }
  const get = {
    ...common,
    operationId: 'getAlwaysUseHttps',
    summary: 'Whether plain HTTP is redirected to HTTPS',
  }
  app.get(path, { schema: get }, async ({ params }) =>
    success(renderSetting(await getZone(store, params.zone_id))),
  )

  const edit = {
    ...common,
    operationId: 'editAlwaysUseHttps',
    summary: 'Redirect plain HTTP to HTTPS, or proxy it',
    body: SETTING_INPUT,
  }
  app.patch(path, { schema: edit }, async ({ params, body }) => {
    const zone = await getZone(store, params.zone_id)
    const alwaysUseHttps = body.value === 'on'
    if (zone.settings.alwaysUseHttps === alwaysUseHttps) return success(renderSetting(zone))
    const edited = await store.zones.update(
      zone.id,
      (current) => ({ ...current, settings: { ...current.settings, alwaysUseHttps } }),
      { republish: true },
    )
    lifecycle.wake()
    return success(renderSetting(edited ?? zone))
  })
}

function renderSetting({ settings }: Zone): z.infer<typeof SETTING> {
  const value = settings.alwaysUseHttps ? 'on' : 'off'
  return { id: 'always_use_https', value, editable: true, modified_on: null }
}
