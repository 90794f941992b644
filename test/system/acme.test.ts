import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { startCustos } from '#test/custos.ts'
import { startEchoOrigin } from '#test/echo-origin.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'
import { startPebble } from '#test/pebble.ts'
import { freePort } from '#test/ports.ts'
import { sClient } from '#test/s-client.ts'
import { tempDir } from '#test/temp-dir.ts'
import { waitUntil } from '#test/wait.ts'

const HOSTNAME = 'shop.customer.test'

it('serves a hostname with both chains of an ACME CA', async () => {
  await using stack = new AsyncDisposableStack()
  const dir = stack.use(tempDir()).path
  const origin = stack.use(await startEchoOrigin())
  const httpPort = await freePort()
  const pebble = stack.use(await startPebble({ httpPort }))
  const roots = join(dir, 'https-roots.pem')
  writeFileSync(roots, pebble.httpsRoots)
  const custos = stack.use(
    await startCustos({
      env: {
        CUSTOS_CA: 'acme',
        CUSTOS_ACME_DIRECTORY_URL: pebble.directoryUrl,
        CUSTOS_ACME_EMAIL: 'ops@saas.test',
        CUSTOS_ACME_ROOTS: roots,
        CUSTOS_DNS_SERVERS: pebble.dnsServer,
        CUSTOS_EDGE_HTTP: `127.0.0.1:${httpPort}`,
        CUSTOS_VALIDATION_HTTP_PORT: String(httpPort),
        CUSTOS_FALLBACK_ORIGIN: origin.url,
      },
    }),
  )
  const client = await custos.client()
  const zone_id = (await client.zones.list()).result[0]?.id ?? ''
  const { id, ssl } = await createHostname(client, { zone_id, hostname: HOSTNAME })
  expect(ssl?.validation_records?.[0]?.http_url).toContain('/.well-known/acme-challenge/')
  await untilActive(client, { zone_id, id })

  const caFile = join(dir, 'pebble-root.pem')
  writeFileSync(caFile, await pebble.fetchRoot())
  const verify = { port: custos.httpsPort, serverName: HOSTNAME, caFile }
  const name = ['-verify_hostname', HOSTNAME]
  const input = `GET / HTTP/1.1\r\nHost: ${HOSTNAME}\r\nConnection: close\r\n\r\n`
  const ecdsa = await sClient({ ...verify, args: name, input })
  expect(ecdsa).toMatchObject({ verified: true, keyAlgorithm: 'ecdsa' })
  expect(ecdsa.text).toContain('HTTP/1.1 200')
  const rsa = await sClient({
    ...verify,
    args: [...name, '-sigalgs', 'rsa_pss_rsae_sha256'],
    input,
  })
  expect(rsa).toMatchObject({ verified: true, keyAlgorithm: 'rsa' })
  expect(existsSync(custos.rootsPath)).toBe(false)
})

it('starts while its CA is away, takes hostnames and says what is wrong', async () => {
  const directoryUrl = `http://127.0.0.1:${await freePort()}/dir`
  await using custos = await startCustos({
    env: { CUSTOS_CA: 'acme', CUSTOS_ACME_DIRECTORY_URL: directoryUrl },
  })
  const client = await custos.client()
  const zone_id = (await client.zones.list()).result[0]?.id ?? ''
  const { id, ssl } = await createHostname(client, { zone_id, hostname: 'shop.localhost' })
  expect(ssl?.status).toBe('initializing')
  await waitUntil('the error is shown', async () => {
    const shown = await client.customHostnames.get(id, { zone_id })
    return JSON.stringify(shown.ssl?.validation_errors ?? []).includes('ECONNREFUSED')
  })
})
