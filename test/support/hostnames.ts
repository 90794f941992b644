import type Cloudflare from 'cloudflare'

import { waitUntil } from './wait.ts'

export type SdkHostname = Awaited<ReturnType<Cloudflare['customHostnames']['get']>>

/** Creates a hostname with a managed certificate, validated over HTTP, as a backend would. */
export function createHostname(
  client: Cloudflare,
  { zone_id, hostname }: { zone_id: string; hostname: string },
): Promise<SdkHostname> {
  const ssl = { method: 'http', type: 'dv' } as const
  return client.customHostnames.create({ zone_id, hostname, ssl })
}

/** Waits until the hostname and its certificate are active: served by every edge. */
export async function untilActive(
  client: Cloudflare,
  { zone_id, id }: { zone_id: string; id: string },
  timeoutMs = 30_000,
): Promise<SdkHostname> {
  let last: SdkHostname | undefined
  await waitUntil(
    `hostname ${id} is active`,
    async () => {
      last = await client.customHostnames.get(id, { zone_id })
      return last.status === 'active' && last.ssl?.status === 'active'
    },
    timeoutMs,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(last)}`, { cause: error })
  })
  if (!last) throw new Error('never read')
  return last
}
