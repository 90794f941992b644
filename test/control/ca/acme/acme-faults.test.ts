import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import type { AcmeIssuer } from '#control/ca/acme/acme-issuer.ts'
import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import {
  answering,
  hanging,
  problem,
  startFaultyCa,
  type Fault,
  type FaultyCa,
} from '#test/faulty-ca.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'
import { freePort } from '#test/ports.ts'

import {
  challengesOf,
  issuerAt,
  makeCsr,
  NEVER,
  newHostname,
  open,
  startResponder,
  untilSigned,
  untilValidated,
  type Responder,
} from './acme-side.ts'

let responder: Responder
let pebble: Pebble
let ca: FaultyCa
let issuer: AcmeIssuer

beforeAll(async () => {
  responder = await startResponder()
  pebble = await startPebble({ httpPort: responder.port })
  ca = await startFaultyCa(pebble)
})
beforeEach(() => {
  issuer = issuerAt({ ...ca, timeoutMs: 2_000 })
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

describe('a CA that is away at the start', () => {
  it('is unavailable, and used as soon as it is there', async () => {
    ca.fault = (request) => (request.socket.destroy(), true)
    await expect(open(issuer, newHostname())).rejects.toMatchObject({ kind: 'unavailable' })
    ca.fault = undefined
    await expect(open(issuer, newHostname())).resolves.toHaveProperty('challenges.length', 3)
  })

  it('is unavailable where nobody listens', async () => {
    const directoryUrl = `http://127.0.0.1:${await freePort()}/dir`
    const lonely = issuerAt({ directoryUrl })
    await expect(open(lonely, newHostname())).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/ECONNREFUSED/),
    })
    await lonely.close()
  })

  it('is asked once for all who wait', async () => {
    const from = ca.requests.length
    await Promise.all(Array.from({ length: 8 }, () => open(issuer, newHostname())))
    const paths = ca.requests.slice(from).map((line) => line.split(' ')[2])
    expect(paths.filter((path) => path === '/dir')).toHaveLength(1)
    // One question whether there is an account and one that makes it; more only for bad nonces.
    const accounts = paths.filter((path) => path === '/sign-me-up').length
    expect(accounts).toBeGreaterThanOrEqual(2)
    expect(accounts).toBeLessThan(8)
  })
})

describe('an answer of the CA', () => {
  it.each([
    ['500 without a word', { status: 500 }, { kind: 'unavailable' }],
    [
      '503 with a time to come back',
      {
        status: 503,
        headers: { 'retry-after': '120' },
        body: problem('serverInternal', 'Maintenance until noon'),
      },
      { kind: 'unavailable', retryAfterMs: 120_000, message: 'Maintenance until noon' },
    ],
    [
      '429 with a time to come back',
      {
        status: 429,
        headers: { 'retry-after': '3600' },
        body: problem('rateLimited', 'too many certificates'),
      },
      { kind: 'rate-limited', retryAfterMs: 3_600_000, message: 'too many certificates' },
    ],
    [
      '429 that asks to come back at once',
      { status: 429, headers: { 'retry-after': '0' } },
      { kind: 'rate-limited', retryAfterMs: 1_000 },
    ],
    [
      'a refusal with a reason',
      { status: 403, body: problem('rejectedIdentifier', 'policy forbids\n\u0007this name') },
      { kind: 'rejected', message: 'policy forbids this name' },
    ],
    ['a 403 of somebody between', { status: 403, body: '<h1>Proxy</h1>' }, { kind: 'unavailable' }],
    ['a redirect', { status: 301, headers: { location: '/else' } }, { kind: 'unavailable' }],
    ['an answer that is no JSON', { status: 201, body: '<html>' }, { kind: 'unavailable' }],
    [
      'an answer of another kind',
      { status: 201, body: '{"status":"odd"}' },
      { kind: 'unavailable' },
    ],
    [
      'more than can be meant',
      { status: 201, body: 'x'.repeat(1024 * 1024 + 1) },
      { kind: 'unavailable' },
    ],
    [
      'a 404 of a new order',
      { status: 404, body: problem('malformed', 'no') },
      { kind: 'unavailable' },
    ],
  ])('is understood: %s', async (_, answer, expected) => {
    ca.fault = answering('/order-plz', answer)
    await expect(open(issuer, newHostname())).rejects.toMatchObject(expected)
    ca.fault = undefined
    await expect(open(issuer, newHostname())).resolves.toHaveProperty('challenges.length', 3)
  })

  it('is not waited for longer than the time limit', async () => {
    ca.fault = hanging('/order-plz')
    const hasty = issuerAt({ ...ca, timeoutMs: 300 })
    await expect(open(hasty, newHostname())).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/within 0.3 s/),
    })
    await hasty.close()
  })

  it('is not waited for when the caller gives up, nor when the issuer closes', async () => {
    ca.fault = hanging('/order-plz')
    const giving = new AbortController()
    const request = { hostname: newHostname(), wildcard: false, keyAlgorithm: 'ecdsa' } as const
    const given = issuer.openOrder(request, giving.signal)
    await ca.nextRequest()
    giving.abort(new Error('given up'))
    await expect(given).rejects.toThrow('given up')
    const cut = issuer.openOrder(request, NEVER).catch((error: unknown) => error)
    await ca.nextRequest()
    await issuer.close()
    expect(await cut).toBeInstanceOf(Error)
  })

  it('that a nonce is bad has the request sent again with another, but not for ever', async () => {
    const bad = answering('/order-plz', { status: 400, body: problem('badNonce', 'stale') })
    let times = 3
    let sent = 0
    ca.fault = (...call) => {
      if (call[0].url === '/order-plz') sent++
      return sent <= times && bad(...call)
    }
    await expect(open(issuer, newHostname())).resolves.toHaveProperty('challenges.length', 3)
    times = Number.POSITIVE_INFINITY
    sent = 0
    await expect(open(issuer, newHostname())).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'stale',
    })
    expect(sent).toBe(6)
  })

  it('is not followed to an address that is not https', async () => {
    ca.rewrite = (path, body) =>
      path === '/dir' ? Buffer.from(body.toString().replaceAll('https://', 'http://')) : body
    await expect(open(issuer, newHostname())).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/not an https URL/),
    })
  })
})

describe('what a CA must not get away with', () => {
  it('has its authorization for another name refused', async () => {
    const hostname = newHostname()
    ca.rewrite = (path, body) =>
      path.startsWith('/authZ/')
        ? Buffer.from(body.toString().replace(hostname, 'bank.test'))
        : body
    await expect(open(issuer, hostname)).rejects.toMatchObject({
      kind: 'rejected',
      message: expect.stringMatching(/another name/),
    })
  })

  it('has no token that is more than a token put into a path', async () => {
    ca.rewrite = (path, body) =>
      path.startsWith('/authZ/')
        ? Buffer.from(body.toString().replaceAll(/"token": "/g, '"token": "../'))
        : body
    await expect(open(issuer, newHostname())).rejects.toMatchObject({ kind: 'rejected' })
  })

  it('has a chain of garbage refused, and the right one taken after', async () => {
    const hostname = newHostname()
    const order = await open(issuer, hostname)
    responder.answer(order)
    await issuer.beginValidation(order, challengesOf(order), NEVER)
    expect(await untilValidated(issuer, order)).toBeUndefined()
    const { privateKey, csr } = await makeCsr([hostname], 'ecdsa')
    for (const garbage of [
      'nothing',
      '<html>',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    ]) {
      ca.rewrite = (path, body) => (path.startsWith('/certZ/') ? Buffer.from(garbage) : body)
      await expect(untilSigned(issuer, order, csr)).rejects.toMatchObject({ kind: 'rejected' })
    }
    ca.rewrite = undefined
    const chain = await untilSigned(issuer, order, csr)
    expect(createKeyMaker().describe({ chain, privateKey, names: [hostname] })).toBeDefined()
  })
})

describe('a call that is repeated', () => {
  it.each(['/order-plz', '/authZ/', '/chalZ/', '/finalize-order/', '/certZ/'])(
    'goes on where the answer to %s was lost',
    async (path) => {
      const hostname = newHostname()
      const { privateKey, csr } = await makeCsr([hostname], 'rsa')
      await open(issuer, newHostname())
      const errors: unknown[] = []
      const twice = async <Value>(call: () => Promise<Value>): Promise<Value> => {
        const [first] = await Promise.allSettled([call()])
        if (first.status === 'fulfilled') return first.value
        errors.push(first.reason)
        return call()
      }
      ca.loses = path
      const order = await twice(() => open(issuer, hostname, 'rsa'))
      responder.answer(order)
      await twice(() => issuer.beginValidation(order, challengesOf(order), NEVER))
      expect(await untilValidated(issuer, order)).toBeUndefined()
      const chain = await twice(() => untilSigned(issuer, order, csr))
      expect(ca.loses).toBeUndefined()
      expect(errors).toMatchObject([{ kind: 'unavailable' }])
      expect(createKeyMaker().describe({ chain, privateKey, names: [hostname] })).toBeDefined()
    },
  )
})

describe('a look that the CA refuses', () => {
  const refuse = answering('/chalZ/', { status: 403, body: problem('malformed', 'Not now') })
  const refusing: Fault = (request, response, posted) =>
    posted?.payload !== undefined && refuse(request, response, posted)

  it('is an error while nothing was begun', async () => {
    const order = await open(issuer, newHostname())
    ca.fault = refusing
    await expect(issuer.beginValidation(order, challengesOf(order), NEVER)).rejects.toMatchObject({
      kind: 'rejected',
      message: 'Not now',
    })
  })

  it('is none where somebody else had it looked at meanwhile, in another way', async () => {
    const secrets = memorySecrets()
    await using stack = new AsyncDisposableStack()
    const [slow, fast] = [issuerAt({ ...ca, secrets }), issuerAt({ ...ca, secrets })]
    for (const each of [slow, fast]) stack.defer(() => each.close())
    const order = await open(slow, newHostname())
    responder.answer(order)
    // Bad nonces have the request of the other sent more than once.
    let refused = 0
    ca.fault = (request, response, posted) => {
      if (!request.url?.startsWith('/chalZ/') || !posted?.payload || refused++ > 0) return false
      const ahead = fast.beginValidation(order, challengesOf(order), NEVER)
      void ahead
        .then(() => untilValidated(fast, order))
        .then(() => refuse(request, response, posted))
      return true
    }
    await slow.beginValidation(order, challengesOf(order, 'dns-01'), NEVER)
    expect(refused).toBeGreaterThanOrEqual(2)
    expect(await slow.checkOrder(order, NEVER)).toEqual({ state: 'ready' })
  })
})

describe('an account', () => {
  it('that the CA has lost is made again', async () => {
    await open(issuer, newHostname())
    let lost = 0
    const gone = answering('/order-plz', {
      status: 400,
      body: problem('accountDoesNotExist', 'No such account'),
    })
    ca.fault = (...call) => lost++ === 0 && gone(...call)
    await expect(open(issuer, newHostname())).resolves.toHaveProperty('challenges.length', 3)
  })
})

describe('what is asked of a CA', () => {
  const stack = new AsyncDisposableStack()
  let even: FaultyCa
  beforeAll(async () => {
    const env = { PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' }
    even = stack.use(
      await startFaultyCa(stack.use(await startPebble({ httpPort: responder.port, env }))),
    )
    stack.defer(() => even.close())
  })
  afterAll(() => stack.disposeAsync())

  it('is not what it has just said of an order', async () => {
    await using lean = closing(issuerAt({ ...even }))
    const hostname = newHostname()
    const order = await open(lean.issuer, hostname)
    responder.answer(order)
    const from = even.posted.length
    await lean.issuer.beginValidation(order, challengesOf(order), NEVER)
    const begun = even.posted.length
    expect(kindsOf(even, from)).toEqual(['authZ', 'chalZ'])
    expect(await untilValidated(lean.issuer, order)).toBeUndefined()
    expect(new Set(kindsOf(even, begun))).toEqual(new Set(['my-order']))
    const validated = even.posted.length
    await untilSigned(lean.issuer, order, (await makeCsr([hostname], 'ecdsa')).csr)
    expect(kindsOf(even, validated)[0]).toBe('finalize-order')
  })

  it('is no new nonce because one was bad', async () => {
    await using lean = closing(issuerAt({ ...even }))
    let nonces = 0
    const watch: Fault = ({ url }) => {
      if (url === '/nonce-plz') nonces++
      return false
    }
    even.fault = watch
    await Promise.all([1, 2, 3].map(() => open(lean.issuer, newHostname())))
    const enough = nonces
    const bad = answering('/order-plz', { status: 400, body: problem('badNonce', 'stale') })
    let asked = 0
    even.fault = (...call) => watch(...call) || (asked++ === 0 && bad(...call))
    await open(lean.issuer, newHostname())
    expect(asked).toBeGreaterThan(1)
    expect(nonces).toBe(enough)
  })
})

function closing(issuer: AcmeIssuer): AsyncDisposable & { issuer: AcmeIssuer } {
  return { issuer, [Symbol.asyncDispose]: () => issuer.close() }
}

/** What was posted since, by the first part of the path. */
function kindsOf({ posted }: FaultyCa, from: number): (string | undefined)[] {
  return posted.slice(from).map(({ path }) => path.split('/')[1])
}
