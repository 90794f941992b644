import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import type { AcmeIssuer } from '#control/ca/acme/acme-issuer.ts'
import { systemClock } from '#lib/clock.ts'
import { startFaultyCa, type Fault, type FaultyCa } from '#test/faulty-ca.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'

import { issuerAt, NEVER, newHostname, open, startResponder, type Responder } from './acme-side.ts'

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

describe('a pack at a CA that gives one open order to all who ask for a name', () => {
  it('does not get two keys for one order: the second chain waits', async () => {
    const hostname = newHostname()
    await open(issuer, hostname, 'ecdsa')
    const other = await open(issuer, hostname, 'rsa')
    expect(other.provedAlone).toBe(true)
    ca.fault = givingAgain(other.url, hostname)
    await expect(open(issuer, hostname, 'ecdsa')).rejects.toMatchObject({
      kind: 'busy',
      message: expect.stringMatching(/first finishes the rsa certificate/),
    })
    ca.fault = undefined
    // What is learned of the CA: of two chains one goes first.
    expect(await open(issuer, newHostname())).not.toHaveProperty('provedAlone')
  })

  it('does not wait for ever for an order that the other chain has not, or has no more', async () => {
    let aheadMs = 0
    const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
    const mine = issuerAt({ ...ca, timeoutMs: 2_000, clock })
    const hostname = newHostname()
    const { url } = await open(mine, hostname, 'rsa')
    ca.fault = givingAgain(url, hostname)
    await expect(open(mine, hostname, 'ecdsa')).rejects.toMatchObject({ kind: 'busy' })
    aheadMs = 60_000
    const request = { hostname, wildcard: false, keyAlgorithm: 'ecdsa' } as const
    await expect(mine.openOrder({ ...request, siblingOrder: url }, NEVER)).rejects.toMatchObject({
      kind: 'busy',
    })
    expect(await mine.openOrder(request, NEVER)).toHaveProperty('url', url)
    await mine.close()
  })

  it('knows the order of the other chain also where another process opened it', async () => {
    const hostname = newHostname()
    const before = issuerAt(ca)
    const { url } = await open(before, hostname, 'rsa')
    await before.close()
    ca.fault = givingAgain(url, hostname)
    const request = { hostname, wildcard: false, keyAlgorithm: 'ecdsa', siblingOrder: url } as const
    await expect(issuer.openOrder(request, NEVER)).rejects.toMatchObject({ kind: 'busy' })
  })
})

/** Boulder's way: the same order for the same name, as long as it is open. */
function givingAgain(url: string, hostname: string): Fault {
  const authorization = {
    status: 'valid',
    identifier: { type: 'dns', value: hostname },
    challenges: [],
  }
  return (request, response) => {
    if (request.url === '/authz-of-it') {
      response.writeHead(200).end(JSON.stringify(authorization))
      return true
    }
    if (request.url !== '/order-plz') return false
    const authorizations = [new URL('/authz-of-it', ca.directoryUrl).href]
    const order = { status: 'pending', authorizations, finalize: url }
    response.writeHead(201, { location: url }).end(JSON.stringify(order))
    return true
  }
}
