import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import type Cloudflare from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startCustos, type Custos } from '#test/custos.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'
import { startEchoOrigin, type EchoOrigin } from '#test/echo-origin.ts'

const exec = promisify(execFile)
const HOSTNAME = 'shop.localhost'

describe('a hostname from created to served', () => {
  let origin: EchoOrigin
  let custos: Custos
  let client: Cloudflare
  let zone_id: string

  beforeAll(async () => {
    origin = await startEchoOrigin()
    custos = await startCustos({ env: { CUSTOS_FALLBACK_ORIGIN: origin.url } })
    client = await custos.client()
    zone_id = (await client.zones.list()).result[0]?.id ?? ''
    const created = await createHostname(client, { zone_id, hostname: HOSTNAME })
    await untilActive(client, { zone_id, id: created.id })
  })
  afterAll(async () => {
    await custos?.[Symbol.asyncDispose]()
    await origin?.[Symbol.asyncDispose]()
  })

  const curl = async (...args: string[]): Promise<string> => {
    const resolve = `${HOSTNAME}:${custos.httpsPort}:127.0.0.1`
    const common = ['-sS', '--max-time', '10', '--cacert', custos.rootsPath, '--resolve', resolve]
    return (await exec('curl', [...common, ...args])).stdout
  }
  const sClient = (...args: string[]): Promise<string> =>
    new Promise((done) => {
      const connect = ['s_client', '-connect', `127.0.0.1:${custos.httpsPort}`]
      const verify = ['-CAfile', custos.rootsPath, '-verify_hostname', HOSTNAME]
      const child = execFile('openssl', [...connect, ...verify, ...args], (_error, out, err) =>
        done(out + err),
      )
      child.stdin?.end()
    })

  it('shows the records for validation in the very first reply', async () => {
    const created = await createHostname(client, {
      zone_id,
      hostname: 'first-reply.customer.invalid',
    })
    expect(created.ownership_verification).toMatchObject({ type: 'txt' })
    expect(created.ownership_verification_http?.http_url).toContain(created.id)
    expect(created.ssl?.validation_records?.[0]?.http_url).toContain('/.well-known/acme-challenge/')
    await client.customHostnames.delete(created.id, { zone_id })
  })

  it('is served over HTTP/1.1 and HTTP/2, and the origin sees the client’s own host', async () => {
    const url = `https://${HOSTNAME}:${custos.httpsPort}/path?q=1`
    for (const version of ['--http1.1', '--http2']) {
      const echo = JSON.parse(await curl(version, url))
      expect(echo.url).toBe('/path?q=1')
      expect(echo.headers.host).toBe(`${HOSTNAME}:${custos.httpsPort}`)
      expect(echo.headers['x-forwarded-proto']).toBe('https')
      expect(echo.headers['x-forwarded-for']).toBe('127.0.0.1')
      expect(echo.headers['cdn-loop']).toBeDefined()
    }
    expect(await curl('--http2', '-o', '/dev/null', '-w', '%{http_version}', url)).toBe('2')
  })

  it('shows the ECDSA chain by default and the RSA chain to who can only that', async () => {
    const byDefault = await sClient('-servername', HOSTNAME)
    expect(byDefault).toContain('Verify return code: 0 (ok)')
    expect(byDefault).toContain('a:PKEY: id-ecPublicKey')
    for (const only of [
      ['-sigalgs', 'rsa_pss_rsae_sha256'],
      ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ]) {
      const rsa = await sClient('-servername', HOSTNAME, ...only)
      expect(rsa).toContain('Verify return code: 0 (ok)')
      expect(rsa).toContain('a:PKEY: rsaEncryption, 2048')
    }
  })

  it('is refused with unrecognized_name where it is not known', async () => {
    expect(await sClient('-servername', 'nobody.localhost')).toContain('unrecognized name')
    expect(await sClient('-noservername')).toContain('unrecognized name')
  })

  it('sends plain HTTP to HTTPS', async () => {
    const resolve = `${HOSTNAME}:${custos.httpPort}:127.0.0.1`
    const url = `http://${HOSTNAME}:${custos.httpPort}/path?q=1`
    const head = await curl('-i', '--resolve', resolve, url)
    expect(head).toContain('308 Permanent Redirect')
    expect(head.toLowerCase()).toContain(
      `location: https://${HOSTNAME}:${custos.httpsPort}/path?q=1`,
    )
  })

  it('takes an edit to every edge before it is active again', async () => {
    const [hostname] = (
      await client.customHostnames.list({ zone_id, hostname: { exact: HOSTNAME } })
    ).result
    const ssl = { method: 'http', type: 'dv', settings: { http2: 'off' } } as const
    const edited = await client.customHostnames.edit(hostname?.id ?? '', { zone_id, ssl })
    // With idle edges the change may be everywhere before the reply is written.
    expect(['active_redeploying', 'active']).toContain(edited.status)
    await untilActive(client, { zone_id, id: edited.id })
    const url = `https://${HOSTNAME}:${custos.httpsPort}/`
    expect(await curl('--http2', '-o', '/dev/null', '-w', '%{http_version}', url)).toBe('1.1')
  })

  it('is gone from the edges before it is gone from the API', async () => {
    const hostname = 'leaving.localhost'
    const created = await createHostname(client, { zone_id, hostname })
    await untilActive(client, { zone_id, id: created.id })
    await client.customHostnames.delete(created.id, { zone_id })
    await expect
      .poll(() => client.customHostnames.get(created.id, { zone_id }).catch((e) => e.status), {
        timeout: 10_000,
      })
      .toBe(404)
    expect(await sClient('-servername', hostname)).toContain('unrecognized name')
  })

  it('counts what it did, for Prometheus', async () => {
    const metrics = await (await fetch(`${custos.controlUrl}/metrics`)).text()
    expect(metrics).toMatch(/custos_edge_handshakes_total\{[^}]*\} [1-9]/)
    expect(metrics).toMatch(/custos_edge_requests_total\{[^}]*\} [1-9]/)
  })
})
