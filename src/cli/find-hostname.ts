import { z } from 'zod'

import { foldName } from '#domain/hostname.ts'

import type { ApiAnswer, ApiClient } from './api-client.ts'
import { HOSTNAME, ZONE, type ApiHostname, type ApiZone } from './api-schema.ts'
import { CliError } from './cli-error.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const ZONE_ID = /^[0-9a-f]{32}$/i

/** The zone of that id or name; the only one where none is said. */
export async function findZone(api: ApiClient, said: string | undefined): Promise<ApiZone> {
  if (said !== undefined && ZONE_ID.test(said)) {
    return (await api.call({ path: `/zones/${said}`, schema: ZONE })).result
  }
  const query = said === undefined ? { per_page: '20' } : { name: said }
  const { result } = await api.call({ path: '/zones', query, schema: z.array(ZONE) })
  const [zone, ...others] = result
  if (!zone) {
    throw new CliError('notFound', said === undefined ? 'There is no zone' : `No zone ${said}`)
  }
  if (others.length === 0) return zone
  const names = result.map(({ name }) => name).join(', ')
  throw new CliError('usage', `Which zone? There are several: ${names}`, { hint: 'say --zone' })
}

/** The custom hostname of that id or name. */
export async function findHostname(
  api: ApiClient,
  { zone, said }: { zone: ApiZone; said: string },
): Promise<ApiAnswer<ApiHostname>> {
  const path = hostnamesPath(zone)
  if (UUID.test(said)) return api.call({ path: `${path}/${said}`, schema: HOSTNAME })
  const query = { hostname: foldName(said) }
  const { result } = await api.call({ path, query, schema: z.array(HOSTNAME) })
  const found = result.find(({ status }) => status !== 'deleted') ?? result[0]
  if (!found) throw new CliError('notFound', `No custom hostname ${said} in zone ${zone.name}`)
  return api.call({ path: `${path}/${found.id}`, schema: HOSTNAME })
}

export function hostnamesPath(zone: ApiZone): string {
  return `/zones/${zone.id}/custom_hostnames`
}
