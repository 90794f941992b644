import { connect } from 'node:tls'
import { readFile } from 'node:fs/promises'

import { describe, expect, it } from 'vitest'

import { startCustos, type Custos } from '#test/custos.ts'
import { startEchoOrigin } from '#test/echo-origin.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'
import { freePort } from '#test/ports.ts'
import { startRedis } from '#test/servers.ts'

const SECRET_KEY = Buffer.alloc(32, 7).toString('base64')
const HOSTNAME = 'fleet.localhost'

describe('one control and two edges over Redis', () => {
  it('serves, edits and survives the loss of Redis', { timeout: 120_000 }, async () => {
    await using redis = await startRedis()
    await using origin = await startEchoOrigin()
    const validationPort = await freePort()
    const common = {
      CUSTOS_REDIS_URL: redis.url,
      CUSTOS_SECRET_KEY: SECRET_KEY,
      CUSTOS_WORKERS: '1',
      CUSTOS_VALIDATION_HTTP_PORT: String(validationPort),
    }
    await using control = await startCustos({
      command: 'control',
      env: { ...common, CUSTOS_FALLBACK_ORIGIN: origin.url },
    })
    await using first = await startEdge({
      ...common,
      CUSTOS_EDGE_HTTP: `127.0.0.1:${validationPort}`,
    })
    await using second = await startEdge(common)
    const edges = [first, second]
    const client = await control.client()
    const zone_id = (await client.zones.list()).result[0]?.id ?? ''
    const ca = await readFile(control.rootsPath, 'utf8')
    const protocols = (): Promise<string[]> =>
      Promise.all(edges.map((edge) => negotiate(edge, { ca, hostname: HOSTNAME })))

    // Served by both as soon as the API says active.
    const { id } = await createHostname(client, { zone_id, hostname: HOSTNAME })
    await untilActive(client, { zone_id, id })
    expect(await protocols()).toEqual(['h2', 'h2'])

    // An edit is seen by both as soon as the API says active again.
    const ssl = { method: 'http', type: 'dv', settings: { http2: 'off' } } as const
    await client.customHostnames.edit(id, { zone_id, ssl })
    await untilActive(client, { zone_id, id })
    expect(await protocols()).toEqual(['http/1.1', 'http/1.1'])

    // Redis dies: both go on with what they have; names they do not have are not called unknown.
    await redis.kill()
    expect(await protocols()).toEqual(['http/1.1', 'http/1.1'])
    await expect(negotiate(first, { ca, hostname: 'cold.localhost' })).rejects.toThrow(
      /alert|disconnected|ECONNRESET/,
    )

    // Redis comes back empty: still served, and filled again from the store.
    await redis.restart()
    expect(await protocols()).toEqual(['http/1.1', 'http/1.1'])
    const again = { method: 'http', type: 'dv', settings: { http2: 'on' } } as const
    await client.customHostnames.edit(id, { zone_id, ssl: again })
    await untilActive(client, { zone_id, id })
    expect(await protocols()).toEqual(['h2', 'h2'])
    await using third = await startEdge(common)
    expect(await negotiate(third, { ca, hostname: HOSTNAME })).toBe('h2')
  })
})

async function startEdge(env: Record<string, string>): Promise<Custos> {
  const admin = `127.0.0.1:${await freePort()}`
  return startCustos({ command: 'edge', env: { ...env, CUSTOS_EDGE_ADMIN: admin } })
}

/** A handshake that verifies the certificate. @returns the protocol agreed on */
function negotiate(
  edge: Custos,
  { ca, hostname }: { ca: string; hostname: string },
): Promise<string> {
  return new Promise((done, fail) => {
    const ALPNProtocols = ['h2', 'http/1.1']
    const socket = connect({
      host: '127.0.0.1',
      port: edge.httpsPort,
      servername: hostname,
      ca,
      ALPNProtocols,
    })
    socket.setTimeout(10_000, () => socket.destroy(new Error('handshake took too long')))
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      done(socket.alpnProtocol || 'none')
      socket.destroy()
    })
  })
}
