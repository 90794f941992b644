import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { API_TOKEN, errorsOf, startAcmeScene, type AcmeScene } from '#test/acme-scene.ts'
import { CNAME_TARGET, DCV_ZONE } from '#test/dns-world.ts'
import type { SdkHostname } from '#test/hostnames.ts'
import { runCustosCli } from '#test/run-custos-cli.ts'

/**
 * Every way to prove a name but the first, with a CA that sees no port 80: customers' zones on real
 * name servers, asked by Custos and by Pebble through a real recursive one.
 */
const OLD_SERVER = '127.0.0.9'
let scene: AcmeScene

beforeAll(async () => {
  const zones = { 'txt.test': `shop A ${OLD_SERVER}`, 'wild.test': '', 'alpn.test': '' }
  // A CA that wants each chain proved anew.
  const pebbleEnv = { PEBBLE_AUTHZREUSE: '0' }
  scene = await startAcmeScene({ zones, isPort80Closed: true, pebbleEnv })
})
afterAll(() => scene?.[Symbol.asyncDispose]())

/** Lines of a zone file for the records that the API shows; the CA's resolver is not to keep them. */
function recordsOf({ ssl }: SdkHostname): string[] {
  const records = ssl?.validation_records ?? []
  return records.map(({ txt_name, txt_value }) => `${txt_name}. 0 TXT "${txt_value}"`)
}

describe('a hostname of method txt that does not lead here yet', () => {
  const hostname = 'shop.txt.test'
  let created: SdkHostname
  beforeAll(async () => {
    created = await scene.create(hostname, { method: 'txt' })
  })

  it('shows the records of both chains in the first reply', () => {
    const record = { txt_name: `_acme-challenge.${hostname}`, status: 'pending' }
    expect(created.ssl?.validation_records).toMatchObject([record, record])
    expect(new Set(recordsOf(created)).size).toBe(2)
    expect(created.ssl).not.toHaveProperty('txt_value')
    const { name } = created.ownership_verification ?? {}
    expect(name).toBe(`_cf-custom-hostname.${hostname}`)
  })

  it('says what stands there while it is wrong, to the API and to the doctor', async () => {
    const wrong = `_acme-challenge.${hostname}. TXT "of-last-year"`
    await scene.dns.setZone('txt.test', `shop A ${OLD_SERVER}\n${wrong}`)
    await scene.retry(created.id, { method: 'txt' })
    const shown = await scene.until(created.id, (one) => errorsOf(one).includes('another'))
    expect(errorsOf(shown)).toContain(
      `_acme-challenge.${hostname} has another value, "of-last-year": add the TXT`,
    )
    expect(shown.ssl?.status).toBe('pending_validation')

    const env = { CUSTOS_API_TOKEN: API_TOKEN }
    const argv = ['doctor', hostname, '--url', scene.custos.controlUrl]
    const { code, stdout } = await runCustosCli(argv, { env })
    expect(code).toBe(7)
    expect(stdout).toMatch(
      /wrong +challenge +_acme-challenge\.shop\.txt\.test has another value, "of-last-year": add the TXT record/,
    )
    expect(stdout).toMatch(/Next: shop\.txt\.test has the A record 127\.0\.0\.9, which is not/)
  })

  it('is certified, and proved to be the customer’s, before it leads here', async () => {
    const { name, value } = created.ownership_verification ?? {}
    const ownership = `${name}. TXT "${value}"`
    const records = recordsOf(created).join('\n')
    await scene.dns.setZone('txt.test', `shop A ${OLD_SERVER}\n${ownership}\n${records}`)
    scene.forward(2 * 60_000)
    const shown = await scene.untilActive(created.id, async (hostname) => {
      expect(recordsOf(created)).toEqual(expect.arrayContaining(recordsOf(hostname)))
    })
    expect(shown.ssl?.validation_errors).toBeUndefined()
    for (const only of ['ecdsa', 'rsa'] as const) {
      const visit = await scene.visit(hostname, { only })
      expect(visit).toMatchObject({ verified: true, keyAlgorithm: only })
    }
  })
})

describe('a wildcard by delegated DCV', () => {
  const hostname = 'wild.test'
  const below = `shop.${hostname}`

  it('needs one CNAME record of the customer, for ever', async () => {
    const created = await scene.create(hostname, { method: 'txt', wildcard: true })
    expect(created.ssl?.validation_records).toHaveLength(4)
    const { uuid } = await scene.client.dcvDelegation.get({ zone_id: scene.zoneId })
    const target = `${hostname}.${uuid}.${DCV_ZONE}`
    expect(created.ssl).toMatchObject({
      dcv_delegation_records: [{ cname: `_acme-challenge.${hostname}`, cname_target: target }],
    })
    const delegation = `_acme-challenge CNAME ${target}.`
    await scene.until(created.id, (one) => errorsOf(one) !== '')
    await scene.dns.setZone(
      'wild.test',
      `@ A 127.0.0.1\nshop CNAME ${CNAME_TARGET}.\n${delegation}`,
    )
    scene.forward(2 * 60_000)
    const shown = await scene.untilActive(created.id)
    expect(shown.ssl).toMatchObject({ hosts: [hostname, `*.${hostname}`] })
    const fingerprints = await Promise.all(
      [hostname, below].map(async (name) => {
        const visit = await scene.visit(name)
        expect(visit).toMatchObject({ verified: true })
        return certificateOf(visit.text)
      }),
    )
    expect(new Set(fingerprints).size).toBe(1)
    expect(await scene.visit(`a.${below}`)).toMatchObject({ alert: 'unrecognized name' })
  })

  it('gives way to a certificate of the exact name, proved by tls-alpn-01', async () => {
    const before = certificateOf((await scene.visit(below)).text)
    const created = await scene.create(below)
    await scene.untilActive(created.id)
    const visit = await scene.visit(below)
    expect(visit).toMatchObject({ verified: true })
    expect(certificateOf(visit.text)).not.toBe(before)
    expect((await scene.find(created.id)).ssl).toMatchObject({ hosts: [below] })
    expect(certificateOf((await scene.visit(hostname)).text)).toBe(before)
  })
})

describe('a hostname whose port 80 is closed', () => {
  it('is proved over TLS as soon as it leads here', async () => {
    const hostname = 'www.alpn.test'
    const created = await scene.create(hostname)
    await scene.until(created.id, (one) => errorsOf(one).includes(hostname))
    await scene.dns.setZone('alpn.test', `www CNAME ${CNAME_TARGET}.`)
    await scene.retry(created.id)
    await scene.untilActive(created.id)
    for (const only of ['ecdsa', 'rsa'] as const) {
      const visit = await scene.visit(hostname, { only })
      expect(visit).toMatchObject({ verified: true, keyAlgorithm: only })
      expect(visit.text).toContain('HTTP/1.1 200')
    }
  })
})

/** The first certificate in what `openssl` said. */
function certificateOf(text: string): string {
  return /-----BEGIN CERTIFICATE-----[^-]+/.exec(text)?.[0] ?? ''
}
