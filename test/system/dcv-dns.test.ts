import { describe, expect, it } from 'vitest'

import { startCustos } from '#test/custos.ts'
import { dig } from '#test/dig.ts'
import { freePort } from '#test/ports.ts'

describe('the DNS server of custos serve', () => {
  it('answers for the DCV zone and the delegation that the API tells', async () => {
    const port = await freePort()
    const at = { host: '127.0.0.1', port }
    await using custos = await startCustos({
      env: { CUSTOS_DCV_ZONE: 'dcv.saas.test', CUSTOS_DNS_LISTEN: `127.0.0.1:${port}` },
    })
    const client = await custos.client()
    const [zone] = (await client.zones.list()).result
    const zoneId = zone?.id ?? ''
    const { uuid } = await client.dcvDelegation.get({ zone_id: zoneId })
    await client.customHostnames.create({ zone_id: zoneId, hostname: 'app.customer.test' })

    const soa = await dig(at, 'dcv.saas.test', 'SOA')
    expect(soa).toMatchObject({ status: 'NOERROR', flags: ['qr', 'aa'] })
    const there = await dig(at, `app.customer.test.${uuid}.dcv.saas.test`, 'TXT', '+tcp')
    expect(there).toMatchObject({ status: 'NOERROR', answer: [] })
    const not = await dig(at, `no.customer.test.${uuid}.dcv.saas.test`, 'TXT')
    expect(not.status).toBe('NXDOMAIN')

    const metrics = await (await fetch(`${custos.controlUrl}/metrics`)).text()
    expect(metrics).toContain(
      'custos_dns_queries_total{transport="udp",type="SOA",rcode="NOERROR"} 1',
    )
    expect(custos.log()).toContain('DNS server listens')
    expect(await custos.stop()).toBe(0)
  })
})
