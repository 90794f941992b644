import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'

import { expect, it } from 'vitest'

import { startCustos } from '#test/custos.ts'
import { startEchoOrigin } from '#test/echo-origin.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'
import { childrenOf } from '#test/processes.ts'
import { waitUntil } from '#test/wait.ts'

const HOSTNAME = 'crash.localhost'
const CLIENTS = 8
const REQUESTS_EACH = 250

/**
 * What may fail when a worker is killed: the requests that were under way on its connections, one a
 * client here, and connections that the kernel had given it and it had not accepted yet.
 */
it(
  'loses no request but those in flight on a worker that is killed',
  { timeout: 60_000 },
  async () => {
    await using origin = await startEchoOrigin()
    await using custos = await startCustos({ env: { CUSTOS_FALLBACK_ORIGIN: origin.url } })
    const client = await custos.client()
    const zone_id = (await client.zones.list()).result[0]?.id ?? ''
    const { id } = await createHostname(client, { zone_id, hostname: HOSTNAME })
    await untilActive(client, { zone_id, id })
    const ca = await readFile(custos.rootsPath, 'utf8')
    const workers = childrenOf(custos.pid)
    expect(workers).toHaveLength(2)

    let answered = 0
    let failed = 0
    let isKilled = false
    const [victim] = workers
    const load = Array.from({ length: CLIENTS }, async () => {
      using agent = disposable(new Agent({ keepAlive: true, maxSockets: 1, ca }))
      for (let i = 0; i < REQUESTS_EACH; i++) {
        const isOk = await get(custos.httpsPort, agent.value)
        if (isOk) answered++
        else failed++
        if (!isKilled && answered > (CLIENTS * REQUESTS_EACH) / 4 && victim) {
          isKilled = true
          process.kill(victim, 'SIGKILL')
        }
      }
    })
    await Promise.all(load)

    expect(isKilled).toBe(true)
    expect(answered + failed).toBe(CLIENTS * REQUESTS_EACH)
    expect(failed).toBeLessThanOrEqual(CLIENTS)
    await waitUntil('a new worker runs', () => {
      const now = childrenOf(custos.pid)
      return now.length === 2 && !now.includes(victim ?? 0)
    })
  },
)

function get(port: number, agent: Agent): Promise<boolean> {
  return new Promise((done) => {
    const sent = request(
      { host: '127.0.0.1', port, agent, servername: HOSTNAME, headers: { host: HOSTNAME } },
      (response) => {
        response.resume().once('end', () => done(response.statusCode === 200))
        response.once('error', () => done(false))
      },
    )
    sent.once('error', () => done(false)).end()
  })
}

function disposable(agent: Agent): Disposable & { value: Agent } {
  return { value: agent, [Symbol.dispose]: () => agent.destroy() }
}
