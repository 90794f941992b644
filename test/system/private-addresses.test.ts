import { expect, it } from 'vitest'

import { startCustos } from '#test/custos.ts'
import { startDnsServer } from '#test/dns-server.ts'
import { startEchoOrigin } from '#test/echo-origin.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'
import { waitUntil } from '#test/wait.ts'

it('where private addresses are denied only names that lead to an edge are looked at', async () => {
  await using dns = await startDnsServer({
    'inside.customer.test': { A: ['127.0.0.9'] },
    'good.customer.test': { A: ['127.0.0.1'] },
  })
  await using origin = await startEchoOrigin()
  await using custos = await startCustos({
    env: {
      CUSTOS_PRIVATE_ADDRESSES: 'deny',
      CUSTOS_EDGE_PREFIXES: '127.0.0.1/32',
      CUSTOS_DNS_SERVERS: dns.address,
      CUSTOS_FALLBACK_ORIGIN: origin.url,
    },
  })
  const client = await custos.client()
  const zone_id = (await client.zones.list()).result[0]?.id ?? ''
  const { id } = await createHostname(client, { zone_id, hostname: 'inside.customer.test' })
  await waitUntil('the finding is there', async () => {
    const { verification_errors = [] } = await client.customHostnames.get(id, { zone_id })
    return verification_errors.includes(
      'inside.customer.test has the address 127.0.0.9, which is a loopback address: the CA cannot reach it.',
    )
  })
  const good = await createHostname(client, { zone_id, hostname: 'good.customer.test' })
  await untilActive(client, { zone_id, id: good.id })
  expect((await client.customHostnames.get(good.id, { zone_id })).status).toBe('active')
})
