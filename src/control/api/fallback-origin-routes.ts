import { z } from 'zod'

import {
  OPERATOR_ORIGINS,
  OriginError,
  parseOrigin,
  renderOrigin,
  type Origin,
} from '#domain/origin.ts'
import {
  fallbackOriginStatus,
  type FallbackOrigin,
  type FallbackOriginStatus,
  type Zone,
} from '#domain/zone.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'
import type { ApiInstance } from './api-instance.ts'
import { originError } from './custom-hostname-input.ts'
import { FAILURE_SCHEMA, success, successSchema } from './envelope.ts'
import { renderInstant } from './render-custom-hostname.ts'
import { getZone, ZONE_PARAMS } from './zone-access.ts'

const TAGS = ['Fallback origin']
const PATH = '/zones/:zone_id/custom_hostnames/fallback_origin'

const FALLBACK_ORIGIN = z
  .object({
    origin: z.string(),
    status: z
      .enum([
        'pending_deployment',
        'active',
        'pending_deletion',
        'deployment_timed_out',
        'deletion_timed_out',
      ])
      .describe('Of a change until every edge has applied it for every hostname of the zone.'),
    errors: z.array(z.string()),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'FallbackOrigin' })

const INPUT = z.object(
  {
    origin: z
      .string('must be a string')
      .max(300, 'must have at most 300 characters')
      .describe('host, host:port, https://host[:port] or http://host[:port]; an IP address too.'),
  },
  'must be a JSON object',
)

const RESPONSE = { 200: successSchema(FALLBACK_ORIGIN), '4xx': FAILURE_SCHEMA }

/** The origin of hostnames that have none of their own (spec section 1.7). */
export function fallbackOriginRoutes(app: ApiInstance, deps: ApiDependencies): void {
  const common = { tags: TAGS, params: ZONE_PARAMS, response: RESPONSE }
  const { store, clock } = deps

  const get = { ...common, operationId: 'getFallbackOrigin', summary: 'Get the fallback origin' }
  app.get(PATH, { schema: get }, async ({ params }) =>
    success(render((await getZone(store, params.zone_id)).fallbackOrigin, clock.now())),
  )

  const put = {
    ...common,
    operationId: 'putFallbackOrigin',
    summary: 'Set the fallback origin',
    body: INPUT,
  }
  app.put(PATH, { schema: put }, async ({ params, body }) => {
    const origin = toOrigin(body.origin)
    const zone = await getZone(store, params.zone_id)
    const now = clock.now()
    if (isCurrent(zone, origin)) return success(render(zone.fallbackOrigin, now))
    const next = await replacementBy(deps, { zone, origin, now })
    return success(render(await change(deps, zone, next), now))
  })

  const remove = {
    ...common,
    operationId: 'deleteFallbackOrigin',
    summary: 'Remove the fallback origin',
  }
  app.delete(PATH, { schema: remove }, async ({ params }) => {
    const zone = await getZone(store, params.zone_id)
    const now = clock.now()
    if (zone.fallbackOrigin?.state !== 'active') return success(render(zone.fallbackOrigin, now))
    return success(render(await change(deps, zone, (previous) => retire(previous, now)), now))
  })
}

/** Every hostname of the zone is published again, in the same transaction. */
async function change(
  { store, lifecycle }: ApiDependencies,
  zone: Zone,
  next: (previous: FallbackOrigin | undefined) => FallbackOrigin | undefined,
): Promise<FallbackOrigin | undefined> {
  const changed = await store.zones.update(
    zone.id,
    (current) => ({ ...current, fallbackOrigin: next(current.fallbackOrigin) }),
    { republish: true },
  )
  lifecycle.wake()
  return changed?.fallbackOrigin
}

/** In a zone without hostnames there is nothing to be deployed. */
async function replacementBy(
  { store }: ApiDependencies,
  { zone, origin, now }: { zone: Zone; origin: Origin; now: number },
): Promise<(previous: FallbackOrigin | undefined) => FallbackOrigin> {
  const hasHostnames = (await store.hostnames.count(zone.id)) > 0
  return (previous) => {
    const createdAt = previous?.state === 'active' ? previous.createdAt : now
    const replaced = { origin, createdAt, updatedAt: now, state: 'active' as const }
    return { ...replaced, ...(hasHostnames && { isDeploying: true }) }
  }
}

function retire(previous: FallbackOrigin | undefined, now: number): FallbackOrigin | undefined {
  if (!previous) return undefined
  const { origin, createdAt } = previous
  return { origin, createdAt, updatedAt: now, state: 'pending_deletion' }
}

/** Setting what is set already must not publish a million hostnames again. */
function isCurrent({ fallbackOrigin }: Zone, origin: Origin): boolean {
  if (fallbackOrigin?.state !== 'active') return false
  return renderOrigin(fallbackOrigin.origin) === renderOrigin(origin)
}

/**
 * The operator's own network: internal names and IP addresses are as good as public ones.
 *
 * @throws {ApiError} one of 1415 to 1420
 */
function toOrigin(value: string): Origin {
  try {
    return parseOrigin(value, OPERATOR_ORIGINS)
  } catch (error) {
    if (!(error instanceof OriginError)) throw error
    throw originError(error.problem, error.message, '/origin')
  }
}

/** What is wrong, where anything is. */
const ERRORS: Partial<Record<FallbackOriginStatus, string>> = {
  deployment_timed_out: 'Not every edge has applied it for every custom hostname yet.',
  deletion_timed_out: 'Not every edge has let go of it for every custom hostname yet.',
}

function render(
  fallbackOrigin: FallbackOrigin | undefined,
  now: number,
): z.infer<typeof FALLBACK_ORIGIN> {
  if (!fallbackOrigin) throw new ApiError('fallback-origin-not-found')
  const { origin, createdAt, updatedAt } = fallbackOrigin
  const status = fallbackOriginStatus(fallbackOrigin, now)
  const error = ERRORS[status]
  return {
    origin: renderOrigin(origin),
    status,
    errors: error === undefined ? [] : [error],
    created_at: renderInstant(createdAt),
    updated_at: renderInstant(updatedAt),
  }
}
