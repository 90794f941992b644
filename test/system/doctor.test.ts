import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startCustos, type Custos } from '#test/custos.ts'
import { startDnsServer } from '#test/dns-server.ts'
import { startOrigin } from '#test/origin.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'
import { runCustosCli, type CliRun } from '#test/run-custos-cli.ts'

/** `custos doctor` against a Custos that serves: real edges, a customer's DNS and its mistakes. */
const stack = new AsyncDisposableStack()
let custos: Custos

beforeAll(async () => {
  const dns = stack.use(
    await startDnsServer({
      'customers.saas.test': { A: ['127.0.0.1'] },
      'good.customer.test': { CNAME: 'customers.saas.test' },
      'bad.customer.test': { A: ['127.0.0.9'] },
    }),
  )
  const origin = stack.use(await startOrigin((_, response) => response.end('hello')))
  custos = stack.use(
    await startCustos({
      env: {
        CUSTOS_API_TOKEN: 'doctor-test-token-0123456789',
        CUSTOS_CNAME_TARGET: 'customers.saas.test',
        CUSTOS_FALLBACK_ORIGIN: `http://127.0.0.1:${origin.port}`,
        CUSTOS_DNS_SERVERS: dns.address,
      },
    }),
  )
}, 60_000)

afterAll(() => stack.disposeAsync())

const doctor = (hostname: string): Promise<CliRun> =>
  runCustosCli(['doctor', hostname, '--url', custos.controlUrl], {
    env: { CUSTOS_API_TOKEN: 'doctor-test-token-0123456789' },
  })

async function create(hostname: string): Promise<{ zone_id: string; id: string }> {
  const client = await custos.client()
  const zone_id = (await client.zones.list()).result[0]?.id ?? ''
  const { id } = await createHostname(client, { zone_id, hostname })
  return { zone_id, id }
}

describe('custos doctor beside a running Custos', () => {
  it('finds a served hostname well', async () => {
    await untilActive(await custos.client(), await create('good.customer.test'))
    const { code, stdout, stderr } = await doctor('good.customer.test')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/ok +http +An edge answers for good\.customer\.test over HTTP\.\n/)
    expect(stdout).toMatch(
      /good\.customer\.test is well: proved, certified and served by every edge\.\n$/,
    )
  })

  it('finds one of loopback well, which no DNS server is asked for', async () => {
    await untilActive(await custos.client(), await create('app.localhost'))
    const { stdout } = await doctor('app.localhost')
    expect(stdout).toMatch(/ok +target +app\.localhost has addresses of the edges\.\n/)
    expect(stdout).not.toMatch(/wrong/)
  })

  it('says of one that leads elsewhere what to change', async () => {
    await create('bad.customer.test')
    const { code, stdout } = await doctor('bad.customer.test')
    expect(code).toBe(7)
    expect(stdout).toMatch(
      /\nNext: bad\.customer\.test has the A record 127\.0\.0\.9, which is not this service: remove it and add bad\.customer\.test CNAME customers\.saas\.test\.\n$/,
    )
  })
})
