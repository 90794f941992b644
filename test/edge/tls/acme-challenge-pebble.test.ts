import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createAcmeIssuer, type AcmeIssuer } from '#control/ca/acme/acme-issuer.ts'
import { TLS_ALPN_PATH } from '#domain/binding.ts'
import type { Hostname } from '#domain/hostname.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { silentLogger as log } from '#lib/log.ts'
import { hostname } from '#test/sample-binding.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'
import { aBinding } from '#test/test-binding.ts'
import { startTlsEdge, type TestTlsEdge } from '#test/tls-edge.ts'

/** A real CA, whose only way to the name is the edge's TLS port. */
describe('Pebble, looking at tls-alpn-01 challenges,', () => {
  const { signal } = new AbortController()
  let edge: TestTlsEdge
  let pebble: Pebble
  let issuer: AcmeIssuer

  beforeAll(async () => {
    edge = await startTlsEdge()
    // Without reuse, every order proves its name anew.
    const env = { PEBBLE_AUTHZREUSE: '0' }
    pebble = await startPebble({ httpPort: 1, tlsPort: edge.port, env })
    issuer = createAcmeIssuer({
      directoryUrl: pebble.directoryUrl,
      secrets: memorySecrets(),
      clock,
      log,
      roots: [pebble.httpsRoots],
    })
  })
  afterAll(async () => {
    await issuer.close()
    await pebble.close()
    await edge[Symbol.asyncDispose]()
  })

  interface Challenge {
    keyAuthorization: string
    /** Tells the CA to look. @returns what it found */
    validate(): Promise<string>
  }

  async function openOrder(hostname: Hostname): Promise<Challenge> {
    const request = { hostname, wildcard: false, keyAlgorithm: 'ecdsa' } as const
    const order = await issuer.openOrder(request, signal)
    const challenges = order.challenges.filter(({ type }) => type === 'tls-alpn-01')
    return {
      keyAuthorization: challenges[0]?.keyAuthorization ?? '',
      async validate() {
        await issuer.beginValidation(order, challenges, signal)
        for (;;) {
          const progress = await issuer.checkOrder(order, signal)
          if (progress.state === 'ready') return 'valid'
          if (progress.state === 'invalid') return progress.problem
          await clock.sleep(50)
        }
      },
    }
  }

  function answer(name: Hostname, body: string): void {
    const expiresAt = clock.now() + 60_000
    edge.directory.answers.unshift({ hostname: name, path: TLS_ALPN_PATH, body, expiresAt })
  }

  it('finds that a name without a certificate is proved, and again for the next order', async () => {
    const name = hostname('first.customer.test')
    edge.directory.put(aBinding(name, { missing: ['The certificate is being issued.'] }))
    for (let orders = 1; orders <= 2; orders++) {
      const challenge = await openOrder(name)
      answer(name, challenge.keyAuthorization)
      expect(await challenge.validate()).toBe('valid')
    }
    expect((await edge.handshakes())['challenge']).toBeGreaterThanOrEqual(2)
  })

  it('does not take the answer to another order', async () => {
    const name = hostname('other.customer.test')
    edge.directory.put(aBinding(name))
    const challenge = await openOrder(name)
    answer(name, `${challenge.keyAuthorization.replace(/^./, '_')}`)
    expect(await challenge.validate()).toMatch(/Invalid acmeValidation extension value/)
  })

  it('is refused while there is no answer', async () => {
    const name = hostname('none.customer.test')
    edge.directory.put(aBinding(name))
    const challenge = await openOrder(name)
    expect(await challenge.validate()).toMatch(/^Failed to connect /)
    expect((await edge.handshakes())['no-challenge']).toBeGreaterThan(0)
  })
})
