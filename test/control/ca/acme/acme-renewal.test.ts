import { X509Certificate } from 'node:crypto'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import type { AcmeIssuer } from '#control/ca/acme/acme-issuer.ts'
import { renderCertificateId } from '#control/ca/acme/certificate-id.ts'
import type { RenewalAnswer } from '#control/ca/issuer.ts'
import type { Chain } from '#domain/certificate.ts'
import type { RenewalInfo } from '#domain/issuance.ts'
import type { Order } from '#domain/order.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { answering, problem, startFaultyCa, type Answer, type FaultyCa } from '#test/faulty-ca.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'

import { issue, issuerAt, NEVER, newHostname, startResponder, type Responder } from './acme-side.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

let responder: Responder
let pebble: Pebble
let ca: FaultyCa
let issuer: AcmeIssuer
let clock: FakeClock
let chain: Chain
const secrets = memorySecrets()

beforeAll(async () => {
  responder = await startResponder()
  pebble = await startPebble({ httpPort: responder.port })
  ca = await startFaultyCa(pebble)
  chain = await issueNow()
})
beforeEach(() => {
  clock = fakeClock()
  issuer = issuerAt({ ...ca, secrets, clock })
})
afterEach(async () => {
  ca.mend()
  await issuer.close()
})
afterAll(async () => {
  await ca?.close()
  await pebble?.close()
  await responder?.close()
})

/** By the account that all of them share, in real time. */
async function issueNow(): Promise<Chain> {
  const issuer = issuerAt({ ...ca, secrets })
  return issue(issuer, { responder }).finally(() => issuer.close())
}

/** A window in hours after the certificate's beginning. */
function windowOf(start: number, end: number): RenewalInfo['window'] {
  const from = new X509Certificate(chain.leaf).validFromDate.getTime()
  return { start: from + start * HOUR_MS, end: from + end * HOUR_MS }
}

function informing(
  { start, end }: RenewalInfo['window'],
  { headers = {}, ...more }: Partial<Answer> & { explanationURL?: unknown } = {},
): () => Answer {
  const suggestedWindow = {
    start: new Date(start).toISOString(),
    end: new Date(end).toISOString(),
  }
  return () => ({ status: 200, headers, body: JSON.stringify({ suggestedWindow, ...more }) })
}

const find = (): Promise<RenewalAnswer | undefined> => issuer.findRenewalInfo(chain, NEVER)

describe('renewal information', () => {
  it('is the CA’s window, with its reason, to be asked for again when the CA says', async () => {
    const window = windowOf(24, 48)
    const asked: string[] = []
    ca.renewalInfo = (id) => {
      asked.push(id)
      const explanationURL = 'https://ca.test/why'
      return informing(window, { headers: { 'retry-after': '7200' }, explanationURL })()
    }
    expect(await find()).toEqual({
      window,
      retryAfterMs: 2 * HOUR_MS,
      explanationUrl: 'https://ca.test/why',
    })
    expect(asked).toEqual([renderCertificateId(chain.leaf)])
    expect(issuer.hasRenewalInfo).toBe(true)
  })

  it.each([
    [undefined, 6 * HOUR_MS],
    ['1', MINUTE_MS],
    ['99999999', DAY_MS],
    ['tomorrow', 6 * HOUR_MS],
  ])('is asked for again after a while that is bounded: Retry-After %s', async (value, ms) => {
    const headers = value === undefined ? {} : { 'retry-after': value }
    ca.renewalInfo = informing(windowOf(24, 48), { headers })
    expect(await find()).toHaveProperty('retryAfterMs', ms)
  })

  it.each(['http://ca.test/', 'javascript:alert(1)', `https://ca.test/${'x'.repeat(500)}`, 7])(
    'has no reason that is not the short address of a page: %s',
    async (explanationURL) => {
      ca.renewalInfo = informing(windowOf(24, 48), { explanationURL })
      const found = await find()
      expect(found).toHaveProperty('window')
      expect(found).not.toHaveProperty('explanationUrl')
    },
  )

  it('may be a window that is over: the CA wants the certificate replaced now', async () => {
    ca.renewalInfo = informing(windowOf(-1, 1))
    expect(await find()).toHaveProperty('window', windowOf(-1, 1))
  })

  it.each([
    ['ends before it begins', [48, 24]],
    ['has no length', [24, 24]],
    ['is over before the certificate began', [-48, -24]],
    ['ends after the certificate', [24, 24 * 365 * 100]],
  ] as const)('is as good as none where it %s', async (_, [start, end]) => {
    ca.renewalInfo = informing(windowOf(start, end))
    await expect(find()).rejects.toMatchObject({ kind: 'unavailable' })
  })

  it.each([
    ['500', { status: 500 }, { kind: 'unavailable' }],
    [
      '429',
      { status: 429, headers: { 'retry-after': '60' } },
      { kind: 'rate-limited', retryAfterMs: 60_000 },
    ],
    ['garbage', { status: 200, body: '<html>' }, { kind: 'unavailable' }],
    [
      'dates that are none',
      { status: 200, body: '{"suggestedWindow":{"start":"soon","end":"later"}}' },
      { kind: 'unavailable' },
    ],
  ])('is not made of %s', async (_, answer, expected) => {
    ca.renewalInfo = () => answer
    await expect(find()).rejects.toMatchObject(expected)
  })

  it('is none where the CA does not know the certificate', async () => {
    ca.renewalInfo = () => ({ status: 404, body: problem('malformed', 'No such certificate') })
    expect(await find()).toBeUndefined()
  })

  it('is none where the CA has no such service, which is known when it was asked', async () => {
    expect(issuer.hasRenewalInfo).toBe(true)
    expect(await find()).toBeUndefined()
    expect(issuer.hasRenewalInfo).toBe(false)
  })
})

describe('an order that replaces a certificate', () => {
  const replace = (): Promise<Order> =>
    issuer.openOrder(
      { hostname: newHostname(), wildcard: false, keyAlgorithm: 'ecdsa', replaces: chain },
      NEVER,
    )
  const replacesSince = (from: number): unknown[] =>
    ca.posted
      .slice(from)
      .filter(({ path, payload }) => path === '/order-plz' && payload)
      .map(({ payload }) => payload?.replaces)

  it('is only opened at a CA that can be told so', async () => {
    const from = ca.posted.length
    await expect(replace()).rejects.toMatchObject({ kind: 'not-replaceable' })
    expect(replacesSince(from)).toEqual([])
    ca.renewalInfo = informing(windowOf(24, 48))
    await issuer.close()
    issuer = issuerAt({ ...ca, secrets, clock })
    await replace()
    expect(replacesSince(from)).toContain(renderCertificateId(chain.leaf))
  })

  it.each([
    ['it was replaced already', 409, 'alreadyReplaced'],
    ['the CA does not know the field', 400, 'malformed'],
    ['the CA does not know the certificate', 404, 'malformed'],
    ['it is another account’s', 403, 'unauthorized'],
  ])('is not opened as another one that counts for more: %s', async (_, status, type) => {
    ca.renewalInfo = informing(windowOf(24, 48))
    const refuse = answering('/order-plz', { status, body: problem(type, 'not this one') })
    ca.fault = (request, response, posted) =>
      posted?.payload?.replaces !== undefined && refuse(request, response, posted)
    const from = ca.posted.length
    await expect(replace()).rejects.toMatchObject({ kind: 'not-replaceable', problemType: type })
    expect(new Set(replacesSince(from))).toEqual(new Set([renderCertificateId(chain.leaf)]))
  })

  it('is refused as any other for any other reason', async () => {
    ca.renewalInfo = informing(windowOf(24, 48))
    const body = problem('rejectedIdentifier', 'policy')
    ca.fault = answering('/order-plz', { status: 403, body })
    await expect(replace()).rejects.toMatchObject({
      kind: 'rejected',
      problemType: 'rejectedIdentifier',
    })
  })
})

describe('revocation', () => {
  const serialOf = ({ leaf }: Chain): string => new X509Certificate(leaf).serialNumber

  it('is known to the CA, and may be repeated', async () => {
    const doomed = await issueNow()
    expect(await pebble.fetchStatus(serialOf(doomed))).toBe('Valid')
    await issuer.revoke(doomed, NEVER)
    expect(await pebble.fetchStatus(serialOf(doomed))).toBe('Revoked')
    await issuer.revoke(doomed, NEVER)
    expect(await pebble.fetchStatus(serialOf(chain))).toBe('Valid')
  })

  it('is refused to another account', async () => {
    const stranger = issuerAt(ca)
    await expect(stranger.revoke(chain, NEVER)).rejects.toMatchObject({ kind: 'rejected' })
    expect(await pebble.fetchStatus(serialOf(chain))).toBe('Valid')
    await stranger.close()
  })

  it('is refused for a certificate that the CA does not know, or where it revokes none', async () => {
    const unknown = answering('/revoke-cert', {
      status: 404,
      body: problem('malformed', 'No such certificate'),
    })
    ca.fault = unknown
    await expect(issuer.revoke(chain, NEVER)).rejects.toMatchObject({ kind: 'rejected' })
    ca.rewrite = (_, body) => Buffer.from(body.toString().replace('"revokeCert"', '"other"'))
    const other = issuerAt({ ...ca, secrets })
    await expect(other.revoke(chain, NEVER)).rejects.toMatchObject({
      kind: 'rejected',
      message: 'The CA revokes no certificates.',
    })
    await other.close()
  })
})
