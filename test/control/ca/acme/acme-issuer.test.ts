import { X509Certificate } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { AcmeIssuer } from '#control/ca/acme/acme-issuer.ts'
import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import { CHALLENGE_TYPES, type Order } from '#domain/order.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'

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
let issuer: AcmeIssuer

beforeAll(async () => {
  responder = await startResponder()
  pebble = await startPebble({ httpPort: responder.port })
  issuer = issuerAt(pebble)
})

afterAll(async () => {
  await issuer?.close()
  await pebble?.close()
  await responder?.close()
})

/** An order for a name that needs proof, answered. */
async function provedOrder(hostname = newHostname()): Promise<Order> {
  const order = await open(issuer, hostname)
  responder.answer(order)
  await issuer.beginValidation(order, challengesOf(order), NEVER)
  expect(await untilValidated(issuer, order)).toBeUndefined()
  return order
}

describe('an order at an ACME CA', () => {
  it.each(['ecdsa', 'rsa'] as const)('ends with a chain for the %s key', async (keyAlgorithm) => {
    const hostname = newHostname()
    const order = await open(issuer, hostname, keyAlgorithm)
    expect(order.ca).toBe(pebble.directoryUrl)
    expect(order.expiresAt).toBeGreaterThan(Date.now())
    expect(order.challenges).toMatchObject(
      CHALLENGE_TYPES.map((type) => ({ type, identifier: hostname })),
    )
    expect(await issuer.checkOrder(order, NEVER)).toMatchObject({ state: 'pending' })

    responder.answer(order)
    await issuer.beginValidation(order, challengesOf(order), NEVER)
    expect(await untilValidated(issuer, order)).toBeUndefined()

    const { privateKey, csr } = await makeCsr([hostname], keyAlgorithm)
    const chain = await untilSigned(issuer, order, csr)
    const description = createKeyMaker().describe({ chain, privateKey, names: [hostname] })
    expect(description.hosts).toEqual([hostname])
    expect(chain.intermediates).toHaveLength(1)
    const root = new X509Certificate(await pebble.fetchRoot())
    const [intermediate] = chain.intermediates.map((der) => new X509Certificate(der))
    expect(intermediate?.verify(root.publicKey)).toBe(true)
  })

  it('gives the same chain when it is finalized again with the same request', async () => {
    const hostname = newHostname()
    const order = await provedOrder(hostname)
    const { csr } = await makeCsr([hostname], 'ecdsa')
    const first = await untilSigned(issuer, order, csr)
    expect(await untilSigned(issuer, order, csr)).toEqual(first)
    expect(await issuer.checkOrder(order, NEVER)).toEqual({ state: 'ready' })
  })

  it('is signed once when several finalize it at the same time, each with a key', async () => {
    const hostname = newHostname()
    const order = await provedOrder(hostname)
    const requests = await Promise.all([1, 2, 3].map(() => makeCsr([hostname], 'ecdsa')))
    const chains = await Promise.all(requests.map(({ csr }) => untilSigned(issuer, order, csr)))
    expect(new Set(chains.map(({ leaf }) => Buffer.from(leaf).toString('hex'))).size).toBe(1)
  })

  it('goes on in another process that has the same store', async () => {
    const secrets = memorySecrets()
    const before = issuerAt({ ...pebble, secrets })
    const hostname = newHostname()
    const order = await open(before, hostname)
    await before.close()

    const after = issuerAt({ ...pebble, secrets })
    responder.answer(order)
    await after.beginValidation(order, challengesOf(order), NEVER)
    expect(await untilValidated(after, order)).toBeUndefined()
    const { csr } = await makeCsr([hostname], 'ecdsa')
    await expect(untilSigned(after, order, csr)).resolves.toHaveProperty('leaf')
    await after.close()
  })

  it('lets the CA look once, however often it is told to', async () => {
    const order = await open(issuer, newHostname())
    responder.answer(order)
    await issuer.beginValidation(order, challengesOf(order), NEVER)
    await issuer.beginValidation(order, challengesOf(order), NEVER)
    expect(await untilValidated(issuer, order)).toBeUndefined()
    await issuer.beginValidation(order, challengesOf(order), NEVER)
    expect(await issuer.checkOrder(order, NEVER)).toEqual({ state: 'ready' })
  })

  it('needs no proof where the CA reuses the one it has', async () => {
    const hostname = newHostname()
    await provedOrder(hostname)
    // Pebble reuses half of them: forty new proofs in a row do not happen.
    let order: Order | undefined
    for (let tries = 0; tries < 40 && order?.challenges.length !== 0; tries++) {
      order = await open(issuer, hostname, 'rsa')
    }
    if (!order) throw new Error('no order')
    expect(order.challenges).toEqual([])
    expect(await issuer.checkOrder(order, NEVER)).toEqual({ state: 'ready' })
    const { csr } = await makeCsr([hostname], 'rsa')
    await expect(untilSigned(issuer, order, csr)).resolves.toHaveProperty('leaf')
  })

  it('is invalid with the CA’s own sentence when the proof is not there', async () => {
    const order = await open(issuer, newHostname())
    await issuer.beginValidation(order, challengesOf(order), NEVER)
    expect(await untilValidated(issuer, order)).toMatch(/404/)
    expect(await issuer.checkOrder(order, NEVER)).toMatchObject({ fault: 'name' })
    const { csr } = await makeCsr(['x.customer.test'], 'ecdsa')
    await expect(issuer.finalize(order, csr, NEVER)).rejects.toMatchObject({
      kind: 'rejected',
      message: expect.stringMatching(/404/),
    })
  })

  it('is refused for a request with another name, and still good for the right one', async () => {
    const hostname = newHostname()
    const order = await provedOrder(hostname)
    const wrong = await makeCsr(['other.customer.test'], 'ecdsa')
    await expect(issuer.finalize(order, wrong.csr, NEVER)).rejects.toMatchObject({
      kind: 'rejected',
      message: expect.stringMatching(/CSR/),
    })
    const right = await makeCsr([hostname], 'ecdsa')
    await expect(untilSigned(issuer, order, right.csr)).resolves.toHaveProperty('leaf')
  })

  it('is unknown where the CA has forgotten it, and where it is another CA’s', async () => {
    const order = await open(issuer, newHostname())
    const { csr } = await makeCsr(['x.customer.test'], 'ecdsa')
    for (const lost of [
      { ...order, url: `${order.url}x` },
      { ...order, ca: 'local', url: 'urn:custos:order:x' },
    ]) {
      await expect(issuer.checkOrder(lost, NEVER)).rejects.toMatchObject({ kind: 'unknown-order' })
      await expect(issuer.finalize(lost, csr, NEVER)).rejects.toMatchObject({
        kind: 'unknown-order',
      })
    }
  })

  it('stops waiting when its caller does', async () => {
    const aborted = AbortSignal.abort(new Error('not any more'))
    const request = { hostname: newHostname(), wildcard: false, keyAlgorithm: 'ecdsa' } as const
    await expect(issuer.openOrder(request, aborted)).rejects.toThrow('not any more')
  })
})

describe('the account at the CA', () => {
  it('is one, for two first starts on one store', async () => {
    const secrets = memorySecrets()
    const [one, two] = [issuerAt({ ...pebble, secrets }), issuerAt({ ...pebble, secrets })]
    const [first, second] = await Promise.all([open(one, newHostname()), open(two, newHostname())])
    // An order can be read by the account only that opened it.
    expect(await one.checkOrder(second, NEVER)).toMatchObject({ state: 'pending' })
    expect(await two.checkOrder(first, NEVER)).toMatchObject({ state: 'pending' })
    const stranger = issuerAt(pebble)
    await expect(stranger.checkOrder(first, NEVER)).rejects.toMatchObject({ name: 'IssuerError' })
    await Promise.all([one.close(), two.close(), stranger.close()])
  })

  it('is bound to an external one where the CA wants that', async () => {
    const hmacKey = Buffer.alloc(32, 7)
    const externalAccounts = { 'kid-1': hmacKey.toString('base64url') }
    await using strict = await startPebble({ httpPort: responder.port, externalAccounts })
    await using stack = new AsyncDisposableStack()
    const openWith = (externalAccount?: { kid: string; hmacKey: Uint8Array }): Promise<Order> => {
      const at = issuerAt({ ...strict, ...(externalAccount && { externalAccount }) })
      stack.defer(() => at.close())
      return open(at, newHostname())
    }
    expect(await openWith({ kid: 'kid-1', hmacKey })).toHaveProperty('challenges.0.type', 'http-01')
    await expect(openWith()).rejects.toMatchObject({
      kind: 'rejected',
      message: expect.stringMatching(/external account binding/),
    })
    for (const wrong of [
      { kid: 'kid-1', hmacKey: Buffer.alloc(32, 8) },
      { kid: 'kid-2', hmacKey },
    ]) {
      await expect(openWith(wrong)).rejects.toMatchObject({ kind: 'rejected' })
    }
  })

  it('is not opened at a CA whose HTTPS is not trusted', async () => {
    const { directoryUrl } = pebble
    const distrustful = issuerAt({ directoryUrl })
    await expect(open(distrustful, newHostname())).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/certificate/),
    })
    await distrustful.close()
  })
})
