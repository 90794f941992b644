import { expect, it } from 'vitest'

import { startCustos } from '#test/custos.ts'
import { startEchoOrigin } from '#test/echo-origin.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'

const COUNT = 200

it('makes two hundred hostnames that are created at once all active', async () => {
  await using origin = await startEchoOrigin()
  await using custos = await startCustos({ env: { CUSTOS_FALLBACK_ORIGIN: origin.url } })
  const client = await custos.client()
  const zone_id = (await client.zones.list()).result[0]?.id ?? ''
  const names = Array.from({ length: COUNT }, (_, i) => `burst${i}.localhost`)
  const created = await Promise.all(
    names.map((hostname) => createHostname(client, { zone_id, hostname })),
  )
  for (const { id } of created) await untilActive(client, { zone_id, id }, 60_000)

  const active: string[] = []
  const query = { zone_id, hostname_status: 'active', ssl_status: 'active', per_page: 50 } as const
  for await (const hostname of client.customHostnames.list(query)) active.push(hostname.hostname)
  expect(active.sort()).toEqual(names.sort())
}, 120_000)
