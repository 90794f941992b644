import { readFile } from 'node:fs/promises'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { API_TOKEN, startAcmeScene, type AcmeScene } from '#test/acme-scene.ts'
import { CNAME_TARGET } from '#test/dns-world.ts'
import type { Answer } from '#test/faulty-ca.ts'
import type { SdkHostname } from '#test/hostnames.ts'
import { runCustosCli } from '#test/run-custos-cli.ts'
import { startVisitors } from '#test/visitors.ts'

const HOSTNAME = 'www.shop.test'
const HOUR_MS = 3_600_000
/** CAs are asked when to renew at least as often. */
const UNTIL_ASKED_MS = 7 * HOUR_MS

/** A CA that says when to renew (RFC 9773), and a hostname that it has just certified. */
let scene: AcmeScene
let id: string
/** When the CA wants what it issued renewed, from now. */
let window = { startMs: 1_000 * HOUR_MS, endMs: 1_001 * HOUR_MS }
/** Certificates that the CA was asked of. */
const asked = new Set<string>()

function answer(certificateId: string): Answer {
  asked.add(certificateId)
  const at = (ms: number): string => new Date(Date.now() + ms).toISOString()
  const suggestedWindow = { start: at(window.startMs), end: at(window.endMs) }
  return { status: 200, body: JSON.stringify({ suggestedWindow }) }
}

beforeAll(async () => {
  scene = await startAcmeScene({ zones: { 'shop.test': `www CNAME ${CNAME_TARGET}.` } })
  scene.ca.layer.renewalInfo = answer
  const created = await scene.create(HOSTNAME)
  id = created.id
  await scene.untilActive(id)
})
afterAll(() => scene?.[Symbol.asyncDispose]())

/** Of both chains, as the API has them: in decimal. */
function serialsOf({ ssl }: { ssl?: { certificates?: { serial_number: string }[] } }): string[] {
  return (ssl?.certificates ?? []).map(({ serial_number }) => serial_number)
}

/** The SDK does not know the certificates. */
const listSerials = async (): Promise<string[]> =>
  serialsOf((await scene.find(id)) as SdkHostname & Parameters<typeof serialsOf>[0])

const replacedSince = (from: number): unknown[] =>
  scene.ca.layer.posted
    .slice(from)
    .filter(({ path }) => path === '/order-plz')
    .map(({ payload }) => payload?.['replaces'])

describe('a certificate that the CA tells when to renew', () => {
  it('stays where the window is far away', async () => {
    const before = await listSerials()
    scene.forward(UNTIL_ASKED_MS)
    await expect.poll(() => asked.size, { timeout: 10_000 }).toBe(2)
    expect(await listSerials()).toEqual(before)
  })

  it('is renewed within the window, with new keys, and no visitor notices', async () => {
    const before = await listSerials()
    const from = scene.ca.layer.posted.length
    const keys = new Set<string>()
    const visitors = startVisitors({
      port: scene.custos.httpsPort,
      hostname: HOSTNAME,
      ca: await readFile(scene.ca.rootFile, 'utf8'),
    })
    await visitors.untilAllSee(({ serialNumber, pubkey }) => {
      keys.add(String(pubkey?.toString('hex')))
      return before.includes(BigInt(`0x${serialNumber}`).toString())
    })
    expect(keys.size).toBe(2)

    window = { startMs: -HOUR_MS, endMs: HOUR_MS }
    scene.forward(UNTIL_ASKED_MS)
    await visitors.untilAllSee(({ serialNumber, pubkey }) => {
      const isNew = !before.includes(BigInt(`0x${serialNumber}`).toString())
      if (isNew) keys.add(String(pubkey?.toString('hex')))
      return isNew
    })
    expect(keys.size).toBe(4)
    const { handshakes, failures } = await visitors.stop()
    expect(failures).toEqual([])
    expect(handshakes).toBeGreaterThan(10)
    expect(new Set(replacedSince(from))).toEqual(asked)
    const shown = await scene.untilActive(id)
    expect(shown.ssl).not.toHaveProperty('validation_errors')
  })

  it('has its renewal in the timeline', async () => {
    const argv = ['hostnames', 'events', HOSTNAME, '--url', scene.custos.controlUrl]
    const { code, stdout } = await runCustosCli(argv, { env: { CUSTOS_API_TOKEN: API_TOKEN } })
    expect(code).toBe(0)
    for (const kind of ['ECDSA', 'RSA']) {
      expect(stdout).toMatch(
        new RegExp(`certificate\\.renewed .*The ${kind} certificate was renewed`),
      )
      expect(stdout).toMatch(
        new RegExp(
          `certificate\\.ordered .*Renewal of the ${kind} certificate was ordered from ca0`,
        ),
      )
    }
  })
})
