import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import {
  createLocalIssuer,
  type LocalIssuer,
  type LocalIssuerOptions,
} from '#control/ca/local/local-issuer.ts'
import { createChallengeCheck } from '#control/validation/challenge-check.ts'
import { createWellKnownFetch } from '#control/validation/well-known-fetch.ts'
import type { Chain, KeyAlgorithm } from '#domain/certificate.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'
import type { Order } from '#domain/order.ts'
import { systemClock } from '#lib/clock.ts'
import { systemRandom } from '#lib/random.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { startWellKnownServer, type WellKnownServer } from '#test/well-known-server.ts'
import { testResolver } from '#test/test-resolver.ts'

export interface StartedIssuer {
  issuer: LocalIssuer
  clock: FakeClock
}

export interface TestCa extends AsyncDisposable {
  /** The customer's web server, where every name under `.localhost` leads. */
  readonly site: WellKnownServer
  /** A built-in CA over one hierarchy for all that are started here, at a time that stands still. */
  start(options?: Partial<LocalIssuerOptions>): Promise<StartedIssuer>
  /** The customer's side: the site answers every challenge of the order. */
  answer(order: Order): void
  openValidated(issuer: LocalIssuer, request?: NameAndKey): Promise<Order>
  /** From the order to the chain. */
  issue(
    issuer: LocalIssuer,
    request?: NameAndKey,
  ): Promise<{ chain: Chain; privateKey: Uint8Array }>
}

export interface NameAndKey {
  /** @default app.localhost */
  hostname?: Hostname
  /** @default 'ecdsa' */
  keyAlgorithm?: KeyAlgorithm
}

export const APP = reservedName('app.localhost')

const never = new AbortController().signal
const keyMaker = createKeyMaker()

/** The built-in CA and a customer for it, over real HTTP. */
export async function startTestCa(): Promise<TestCa> {
  const secrets = memorySecrets()
  const answers = new Map<string, string>()
  const site = await startWellKnownServer((request, response) => {
    const body = answers.get(request.url ?? '')
    response.statusCode = body === undefined ? 404 : 200
    response.end(body)
  })
  const resolver = testResolver({ servers: [] })
  const fetchWellKnown = createWellKnownFetch({ resolver, clock: systemClock, port: site.port })
  const inspectChallenge = createChallengeCheck({
    resolver,
    fetchWellKnown,
    clock: systemClock,
    tlsPort: 443,
    userAgent: 'Custos-CA',
  })

  const ca: TestCa = {
    site,
    async start(options = {}) {
      const clock = fakeClock()
      const parts = { secrets, inspectChallenge, clock, random: systemRandom }
      return { clock, issuer: await createLocalIssuer({ ...parts, ...options }) }
    },
    answer({ challenges }) {
      for (const { token, keyAuthorization } of challenges) {
        answers.set(`/.well-known/acme-challenge/${token}`, keyAuthorization)
      }
    },
    async openValidated(issuer, request) {
      const order = await openOrder(issuer, request)
      ca.answer(order)
      await issuer.beginValidation(order, order.challenges, never)
      const progress = await issuer.checkOrder(order, never)
      if (progress.state !== 'ready') throw new Error(`order is ${JSON.stringify(progress)}`)
      return order
    },
    async issue(issuer, request = {}) {
      const { hostname = APP, keyAlgorithm = 'ecdsa' } = request
      const order = await ca.openValidated(issuer, request)
      const { csr, privateKey } = await makeCsr(keyAlgorithm, [hostname])
      const progress = await issuer.finalize(order, csr, never)
      if (progress.state !== 'valid') throw new Error(`order is ${progress.state}`)
      return { chain: progress.chain, privateKey }
    },
    [Symbol.asyncDispose]: () => site.close(),
  }
  return ca
}

export function openOrder(issuer: LocalIssuer, request: NameAndKey = {}): Promise<Order> {
  const { hostname = APP, keyAlgorithm = 'ecdsa' } = request
  return issuer.openOrder({ hostname, wildcard: false, keyAlgorithm }, never)
}

/** A new key and a request signed with it. */
export async function makeCsr(
  keyAlgorithm: KeyAlgorithm,
  names: readonly string[] = [APP],
): Promise<{ csr: Uint8Array; privateKey: Uint8Array }> {
  const privateKey = await keyMaker.generate(keyAlgorithm)
  return { privateKey, csr: await keyMaker.createCsr({ privateKey, keyAlgorithm, names }) }
}

export function reservedName(text: string): Hostname {
  return parseHostname(text, { allowReservedTlds: true })
}
