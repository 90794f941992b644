import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { createAcmeIssuer, type AcmeIssuer } from '#control/ca/acme/acme-issuer.ts'
import { caaIdentitiesOf, describeCa } from '#control/ca/acme/known-cas.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { startFaultyCa, type FaultyCa } from '#test/faulty-ca.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'

import { issuerAt, NEVER, newHostname, open, type IssuerSetUp } from './acme-side.ts'

let pebble: Pebble
let ca: FaultyCa
const secrets = memorySecrets()
const started: AcmeIssuer[] = []

beforeAll(async () => {
  pebble = await startPebble({ httpPort: 1 })
  ca = await startFaultyCa(pebble)
})
afterEach(async () => {
  ca.mend()
  await Promise.all(started.splice(0).map((issuer) => issuer.close()))
})
afterAll(async () => {
  await ca?.close()
  await pebble?.close()
})

function start(options: Partial<IssuerSetUp> = {}): AcmeIssuer {
  const issuer = issuerAt({ ...ca, secrets, ...options })
  started.push(issuer)
  return issuer
}

describe('a profile', () => {
  const profiles = { classic: 'The profile you know', shortlived: 'https://ca.test/shortlived' }

  it('is asked for in orders where the CA offers it', async () => {
    ca.meta = { profiles }
    await open(start({ profile: 'shortlived' }), newHostname())
    const orders = ca.posted.filter(({ path }) => path === '/order-plz')
    expect(orders.at(-1)?.payload).toMatchObject({ profile: 'shortlived' })
    await open(start(), newHostname())
    expect(ca.posted.findLast(({ path }) => path === '/order-plz')?.payload).not.toHaveProperty(
      'profile',
    )
  })

  it.each([
    [{ profiles }, 'The CA has no profile "constructor": it offers classic, shortlived.'],
    [{ profiles: 'garbage' }, 'The CA has no profile "constructor": it has none.'],
    [undefined, 'The CA has no profile "constructor": it has none.'],
  ])('that the CA does not offer is not left out in silence: %j', async (meta, message) => {
    ca.meta = meta
    const opening = open(start({ profile: 'constructor' }), newHostname())
    await expect(opening).rejects.toMatchObject({ kind: 'rejected', message })
  })
})

describe('the names that CAA records give a CA', () => {
  it('are those of its directory, as far as they are names, a bounded number', async () => {
    ca.meta = { caaIdentities: ['LetsEncrypt.org', 'no name', 7, 'other.test.'] }
    expect(await start().listCaaIdentities(NEVER)).toEqual(['letsencrypt.org', 'other.test'])
    ca.meta = { caaIdentities: Array.from({ length: 1_000 }, (_, i) => `ca-${i}.test`) }
    expect(await start().listCaaIdentities(NEVER)).toHaveLength(20)
  })

  it('are none where the directory tells none, or garbage', async () => {
    for (const caaIdentities of [undefined, [], 'ca.test', { a: 1 }]) {
      ca.meta = { caaIdentities }
      expect(await start().listCaaIdentities(NEVER)).toEqual([])
    }
  })

  it.each([
    ['https://acme-v02.api.letsencrypt.org/directory', ['letsencrypt.org']],
    ['https://dv.acme-v02.api.pki.goog/directory', ['pki.goog']],
    ['https://acme.ssl.com/sslcom-dv-rsa', ['ssl.com']],
    ['https://ca.internal/dir', []],
  ])('are known of public CAs whose directory tells none: %s', (directoryUrl, known) => {
    expect(caaIdentitiesOf(directoryUrl, [])).toEqual(known)
    expect(caaIdentitiesOf(directoryUrl, ['new.test'])).toEqual(['new.test'])
  })

  it('are those of the settings without asking the CA', async () => {
    const from = ca.requests.length
    const issuer = start({ caaIdentities: ['private.test'] })
    expect(await issuer.listCaaIdentities(NEVER)).toEqual(['private.test'])
    expect(ca.requests).toHaveLength(from)
  })
})

describe('a CA', () => {
  const at = (directoryUrl: string): AcmeIssuer => {
    const issuer = createAcmeIssuer({
      directoryUrl,
      secrets,
      clock: systemClock,
      log: silentLogger,
    })
    started.push(issuer)
    return issuer
  }

  it.each([
    ['https://acme-v02.api.letsencrypt.org/directory', "Let's Encrypt", 'lets_encrypt'],
    [
      'https://acme-staging-v02.api.letsencrypt.org/directory',
      "Let's Encrypt (staging)",
      'lets_encrypt',
    ],
    ['https://dv.acme-v02.api.pki.goog/directory', 'Google Trust Services', 'google'],
    ['https://acme.ssl.com/sslcom-dv-ecc', 'SSL.com', 'ssl_com'],
    ['https://acme.zerossl.com/v2/DV90', 'ZeroSSL', undefined],
    ['https://constructor/dir', 'constructor', undefined],
    ['https://ca.internal:14000/dir', 'ca.internal:14000', undefined],
  ])('is known by its host: %s', (directoryUrl, title, apiName) => {
    expect(at(directoryUrl)).toMatchObject({ name: directoryUrl, title, apiName })
  })

  it('may be given another name, and one of the API’s names', () => {
    expect(start({ name: 'backup', apiName: 'google' })).toMatchObject({
      name: 'backup',
      apiName: 'google',
    })
  })

  it('is named in orders by its name', async () => {
    const issuer = start({ name: 'backup' })
    const order = await open(issuer, newHostname())
    expect(order.ca).toBe('backup')
    expect(await issuer.checkOrder(order, NEVER)).toMatchObject({ state: 'pending' })
    await expect(start().checkOrder(order, NEVER)).rejects.toMatchObject({ kind: 'unknown-order' })
  })
})

describe('a known CA', () => {
  it.each([
    ['https://acme-v02.api.letsencrypt.org/directory', true],
    ['https://acme-staging-v02.api.letsencrypt.org/directory', true],
    ['https://dv.acme-v02.api.pki.goog/directory', true],
    ['https://acme.ssl.com/sslcom-dv-rsa', false],
    ['https://ca.unknown.test/dir', false],
  ])('%s reuses proofs: %s', (directoryUrl, reusesProofs) => {
    expect(describeCa(directoryUrl).reusesProofs).toBe(reusesProofs)
  })
})
