import { afterAll, beforeAll, expect, it } from 'vitest'

import { API_TOKEN, startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { openOwnCa, type OwnCa } from '#test/own-certificates.ts'
import { runCustosCli } from '#test/run-custos-cli.ts'

let ca: OwnCa
let api: ApiServer
beforeAll(async () => {
  ca = await openOwnCa()
  api = await startApi({ roots: [ca.root.cert] })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await ca[Symbol.asyncDispose]()
})

it('custos hostnames show calls a certificate of the caller’s own that, and names who made it', async () => {
  const hostname = 'own.tenant.com'
  const ssl = await ca.pair('ecdsa', [hostname])
  const created = await api.client.customHostnames.create({ zone_id: ZONE_ID, hostname, ssl })
  const { code, stdout, stderr } = await runCustosCli(
    ['hostnames', 'show', hostname, '--url', api.url],
    { env: { CUSTOS_API_TOKEN: API_TOKEN } },
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('  certificate  pending_deployment (your own)\n')
  expect(created.ssl?.issuer).toBeTruthy()
  expect(stdout).toMatch(
    new RegExp(`ECDSAWithSHA256 +${created.ssl?.issuer} +\\d{4}-\\d\\d-\\d\\d`),
  )
  expect(stdout).not.toContain('Shown to the CA')
})
