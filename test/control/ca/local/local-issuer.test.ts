import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createCsr } from '#control/ca/csr.ts'
import type { IssuerErrorKind } from '#control/ca/issuer.ts'
import { importKeyPair } from '#control/ca/keys.ts'
import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import type { LocalIssuerOptions } from '#control/ca/local/local-issuer.ts'
import type { ChallengeFinding } from '#control/lifecycle/inspector.ts'
import type { Order, OrderChallenge } from '#domain/order.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { openssl } from '#test/openssl-command.ts'
import { APP, makeCsr, openOrder, reservedName, startTestCa, type TestCa } from '#test/test-ca.ts'

const never = new AbortController().signal
const keyMaker = createKeyMaker()
let ca: TestCa

beforeAll(async () => {
  ca = await startTestCa()
})

afterAll(() => ca[Symbol.asyncDispose]())

describe('validation by the built-in CA', () => {
  it('asks for a random http-01 token with the account’s thumbprint (RFC 8555 section 8.1)', async () => {
    const { issuer } = await ca.start()
    const [one, two] = [await openOrder(issuer), await openOrder(issuer)]
    const [challenge] = one.challenges
    expect(one).toMatchObject({
      ca: 'local',
      challenges: [{ type: 'http-01', identifier: APP }, {}, {}],
    })
    expect(challenge?.token).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(challenge?.keyAuthorization).toMatch(
      new RegExp(`^${challenge?.token}\\.[A-Za-z0-9_-]{43}$`),
    )
    expect(two.challenges[0]?.token).not.toBe(challenge?.token)
    const thumbprint = (order: Order): string | undefined =>
      order.challenges[0]?.keyAuthorization.split('.')[1]
    expect(thumbprint(two)).toBe(thumbprint(one))
  })

  it('looks at the challenge itself, once, and is ready', async () => {
    const { issuer } = await ca.start()
    const order = await ca.openValidated(issuer)
    await issuer.beginValidation(order, order.challenges, never)
    await issuer.checkOrder(order, never)
    const path = `/.well-known/acme-challenge/${order.challenges[0]?.token}`
    expect(ca.site.requests.filter((line) => line.endsWith(path))).toHaveLength(1)
    expect(ca.site.userAgents.at(-1)).toContain('Custos-CA')
  })

  it('refuses a name that it cannot see proved, and says why', async () => {
    const { issuer } = await ca.start()
    const order = await openOrder(issuer)
    await issuer.beginValidation(order, order.challenges, never)
    const problem = 'app.localhost (127.0.0.1) answered with status 404, not 200.'
    await expect
      .poll(() => issuer.checkOrder(order, never))
      .toMatchObject({ state: 'invalid', problem })
    ca.answer(order)
    expect(await issuer.checkOrder(order, never)).toMatchObject({ state: 'invalid', problem })
    const { csr } = await makeCsr('ecdsa')
    await expect(issuer.finalize(order, csr, never)).rejects.toMatchObject({
      ...kind('rejected'),
      message: problem,
    })
  })

  it('signs nothing for a name that it does not see proved', async () => {
    const inspectChallenge = async (): Promise<ChallengeFinding> => ({
      isReady: false,
      problem: 'no',
    })
    const { issuer } = await ca.start({ inspectChallenge })
    const order = await openOrder(issuer)
    const { csr } = await makeCsr('ecdsa')
    await expect(issuer.finalize(order, csr, never)).rejects.toMatchObject(kind('rejected'))
  })

  it('says pending while it looks, and does not sign meanwhile', async () => {
    const looking = Promise.withResolvers<{ isReady: true }>()
    const { issuer, clock } = await ca.start({ inspectChallenge: () => looking.promise })
    const order = await openOrder(issuer)
    await issuer.beginValidation(order, order.challenges, never)
    const { csr } = await makeCsr('ecdsa')
    expect(await issuer.finalize(order, csr, never)).toMatchObject({ state: 'processing' })
    const checking = issuer.checkOrder(order, never)
    await clock.advance(500)
    expect(await checking).toMatchObject({ state: 'pending' })
    looking.resolve({ isReady: true })
    expect(await issuer.checkOrder(order, never)).toEqual({ state: 'ready' })
  })

  it('needs no new proof for an hour, then again', async () => {
    const { issuer, clock } = await ca.start()
    await ca.openValidated(issuer)
    clock.jump(clock.now() + 3_599_000)
    const second = await openOrder(issuer, { keyAlgorithm: 'rsa' })
    expect(second.challenges).toEqual([])
    expect(await issuer.checkOrder(second, never)).toEqual({ state: 'ready' })
    const { csr } = await makeCsr('rsa')
    expect(await issuer.finalize(second, csr, never)).toMatchObject({ state: 'valid' })
    expect(
      (await openOrder(issuer, { hostname: reservedName('other.localhost') })).challenges,
    ).toHaveLength(3)
    clock.jump(clock.now() + 2_000)
    expect((await openOrder(issuer)).challenges).toHaveLength(3)
    await expect(issuer.checkOrder(second, never)).rejects.toMatchObject(kind('unknown-order'))
  })

  it('can be told to want a proof each time', async () => {
    const { issuer } = await ca.start({ authorizationReuseMs: 0 })
    await ca.issue(issuer)
    expect((await openOrder(issuer)).challenges).toHaveLength(3)
  })
})

describe('finalizing', () => {
  it('returns the same chain for the same key, and refuses another', async () => {
    const { issuer } = await ca.start()
    const order = await ca.openValidated(issuer)
    const privateKey = await keyMaker.generate('ecdsa')
    const request = { privateKey, keyAlgorithm: 'ecdsa' as const, names: [APP] }
    const csrs = [await keyMaker.createCsr(request), await keyMaker.createCsr(request)]
    const chains = await Promise.all(csrs.map((csr) => issuer.finalize(order, csr, never)))
    expect(chains[0]).toEqual(chains[1])
    const { csr } = await makeCsr('ecdsa')
    await expect(issuer.finalize(order, csr, never)).rejects.toMatchObject(kind('rejected'))
  })

  it.each([
    ['other names', 'ecdsa' as const, ['other.localhost']],
    ['more names', 'ecdsa' as const, [APP, 'other.localhost']],
    ['a wildcard', 'ecdsa' as const, [APP, `*.${APP}`]],
    ['no names', 'ecdsa' as const, []],
    ['another key type', 'rsa' as const, [APP]],
  ])('refuses a CSR with %s', async (_, algorithm, names) => {
    const { issuer } = await ca.start()
    const order = await ca.openValidated(issuer)
    const { csr } = await makeCsr(algorithm, names)
    await expect(issuer.finalize(order, csr, never)).rejects.toMatchObject(kind('rejected'))
  })

  it('refuses keys of another size or curve', async () => {
    const { issuer } = await ca.start()
    for (const [algorithm, options] of [
      ['ecdsa', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
      ['rsa', ['rsa:1024']],
    ] as const) {
      const order = await ca.openValidated(issuer, { keyAlgorithm: algorithm })
      const args = [
        'req',
        '-new',
        '-batch',
        '-nodes',
        '-newkey',
        ...options,
        '-keyout',
        'key.pem',
        '-subj',
        `/CN=${APP}`,
        '-addext',
        `subjectAltName=DNS:${APP}`,
      ]
      const text = await openssl(args)
      const body = /-----BEGIN CERTIFICATE REQUEST-----([^]+?)-----END/.exec(text)?.[1] ?? ''
      const finalizing = issuer.finalize(order, Buffer.from(body, 'base64'), never)
      await expect(finalizing).rejects.toMatchObject({
        ...kind('rejected'),
        message: expect.stringContaining('not of the kind'),
      })
    }
  })

  it('refuses a CSR whose signature is wrong, and bytes that are none', async () => {
    const { issuer } = await ca.start()
    const order = await ca.openValidated(issuer)
    const { csr } = await makeCsr('ecdsa')
    const foreign = await createCsr(
      {
        ...importKeyPair(await keyMaker.generate('ecdsa')),
        publicKey: importKeyPair(await keyMaker.generate('ecdsa')).publicKey,
      },
      [APP],
    )
    const flipped = Uint8Array.from(csr)
    flipped[60] = (flipped[60] ?? 0) ^ 1
    for (const bad of [
      foreign,
      flipped,
      csr.subarray(0, 50),
      Buffer.from('garbage'),
      Buffer.alloc(20_000),
      Buffer.alloc(0),
    ]) {
      await expect(issuer.finalize(order, bad, never)).rejects.toMatchObject(kind('rejected'))
    }
  })
})

describe('orders of the built-in CA', () => {
  it('expire', async () => {
    const { issuer, clock } = await ca.start({ orderLifetimeMs: 1_000 })
    const order = await openOrder(issuer)
    expect(order.expiresAt).toBe(clock.now() + 1_000)
    clock.jump(order.expiresAt)
    await expect(issuer.beginValidation(order, order.challenges, never)).rejects.toMatchObject(
      kind('unknown-order'),
    )
  })

  it('cannot be made or changed by anybody else', async () => {
    const { issuer } = await ca.start()
    const order = await openOrder(issuer)
    const [head = '', signature = ''] = order.url.split('.')
    const payload = head.replace('urn:custos:order:', '')
    const fields = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify(fields.with(3, true))).toString('base64url')
    const urls = [
      '',
      'https://ca.test/order/1',
      order.url.slice(0, -2),
      `urn:custos:order:${forged}.${signature}`,
      `${order.url}${'x'.repeat(2_000)}`,
    ]
    for (const url of urls) {
      await expect(issuer.checkOrder({ ...order, url }, never)).rejects.toMatchObject(
        kind('unknown-order'),
      )
    }
  })

  it('keep their tokens over a restart, and are validated anew', async () => {
    const before = await ca.start()
    const order = await openOrder(before.issuer)
    const roots = before.issuer.exportRoots()
    await before.issuer.close()
    const { issuer } = await ca.start()
    expect(issuer.exportRoots()).toBe(roots)
    ca.answer(order)
    await expect.poll(() => issuer.checkOrder(order, never)).toEqual({ state: 'ready' })
    const { csr } = await makeCsr('ecdsa')
    expect(await issuer.finalize(order, csr, never)).toMatchObject({ state: 'valid' })
  })

  it('that were validated before a restart are validated again before they are signed', async () => {
    const before = await ca.start()
    const order = await ca.openValidated(before.issuer)
    const looks: string[] = []
    const inspectChallenge = async ({ identifier }: OrderChallenge): Promise<ChallengeFinding> => {
      looks.push(identifier)
      return { isReady: true }
    }
    const { issuer } = await ca.start({ inspectChallenge })
    const { csr } = await makeCsr('ecdsa')
    expect(await issuer.finalize(order, csr, never)).toMatchObject({ state: 'valid' })
    expect(looks).toHaveLength(1)
  })
})

describe('closing', () => {
  it('ends the looks under way and forgets them', async () => {
    const seen: AbortSignal[] = []
    const inspectChallenge: LocalIssuerOptions['inspectChallenge'] = (_, signal) => {
      seen.push(signal)
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      )
    }
    const { issuer } = await ca.start({ inspectChallenge })
    const order = await openOrder(issuer)
    await issuer.beginValidation(order, order.challenges, never)
    await Promise.all([issuer.close(), issuer.close()])
    expect(seen.map((signal) => signal.aborted)).toEqual([true])
  })

  it('lets go of a caller that waits', async () => {
    const { issuer } = await ca.start({ inspectChallenge: () => new Promise(() => {}) })
    const order = await openOrder(issuer)
    const controller = new AbortController()
    const checking = issuer.checkOrder(order, controller.signal)
    controller.abort(new Error('stopped'))
    await expect(checking).rejects.toThrow('stopped')
  })
})

describe('the hierarchy', () => {
  it('is the same for two processes that start at once on an empty store', async () => {
    const empty = memorySecrets()
    const [one, two] = await Promise.all([
      ca.start({ secrets: empty }),
      ca.start({ secrets: empty }),
    ])
    expect(one.issuer.exportRoots()).toBe(two.issuer.exportRoots())
  })

  it('keeps its keys in the store alone', async () => {
    const values = new Map<string, Uint8Array>()
    const { issuer } = await ca.start({ secrets: memorySecrets(values) })
    expect([...values.keys()]).toEqual(['local-ca'])
    expect(issuer.exportRoots()).not.toContain('PRIVATE')
    expect(JSON.stringify(issuer)).not.toContain('key')
  })
})

function kind(kind: IssuerErrorKind): object {
  return { name: 'IssuerError', kind }
}
