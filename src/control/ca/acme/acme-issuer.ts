import { LRUCache } from 'lru-cache'

import type { KeyAlgorithm } from '#domain/certificate.ts'
import type { Order, OrderChallenge } from '#domain/issuance.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { SecretStore } from '#store/store.ts'

import {
  IssuerError,
  type FinalizeProgress,
  type Issuer,
  type OrderProgress,
  type OrderRequest,
} from '../issuer.ts'
import type { ExternalAccount } from './account-key.ts'
import { AcmeClient } from './acme-client.ts'
import type { AcmeResponse } from './acme-http.ts'
import {
  authorizationSchema,
  challengeSchema,
  orderSchema,
  readObject,
  type AcmeOrder,
  type Authorization,
} from './acme-objects.ts'
import { describeProblem, readRetryAfter } from './acme-problem.ts'
import { parsePemChain } from './pem-chain.ts'

/** A CA that speaks RFC 8555, such as Let's Encrypt. Nothing is asked of it before the first order. */
export interface AcmeIssuer extends Issuer {
  /** Cuts requests under way. Idempotent. */
  close(): Promise<void>
}

export interface AcmeIssuerOptions {
  /** Names the CA: in orders, and for the account in `secrets`. */
  directoryUrl: string
  /** Where the account's key is kept; made at the first order. */
  secrets: SecretStore
  clock: Clock
  log: Logger
  /** Contact that the CA is told when the account is made. @default none */
  email?: string | undefined
  /** For CAs that want accounts bound to one that exists there. @default none */
  externalAccount?: ExternalAccount | undefined
  /** Roots trusted for the CA's own HTTPS beside the built-in ones, PEM each. @default none */
  roots?: readonly string[]
  /**
   * How long one request to the CA may take, in milliseconds: shorter than a whole step of the
   * lifecycle, so that a CA that hangs is told apart. @default 10 seconds
   */
  timeoutMs?: number
}

export function createAcmeIssuer(options: AcmeIssuerOptions): AcmeIssuer {
  const { directoryUrl, clock, email, externalAccount, roots = [], timeoutMs = 10_000 } = options
  const client = new AcmeClient({ ...options, email, externalAccount, roots, timeoutMs })
  return new AcmeCa({ name: directoryUrl, client, clock })
}

interface Parts {
  name: string
  client: AcmeClient
  clock: Clock
}

/** Where the CA does not say when to ask again. */
const POLL_MS = 500
/** Where the CA does not say until when an order is good (it must: RFC 8555 section 7.1.3). */
const ORDER_LIFETIME_MS = 24 * 3_600_000
const MAX_REMEMBERED = 10_000
const PEM_CHAIN = 'application/pem-certificate-chain'

class AcmeCa implements AcmeIssuer {
  readonly name: string
  readonly title = 'The CA'
  readonly apiName = undefined
  readonly hasRenewalInfo = false
  readonly #client: AcmeClient
  readonly #clock: Clock
  /** Which chain was given which order, by the order's URL. */
  readonly #given = new LRUCache<string, KeyAlgorithm>({ max: MAX_REMEMBERED })

  constructor({ name, client, clock }: Parts) {
    this.name = name
    this.#client = client
    this.#clock = clock
  }

  async listCaaIdentities(): Promise<readonly string[]> {
    return []
  }

  async findRenewalInfo(): Promise<undefined> {}

  async revoke(): Promise<void> {}

  async openOrder(request: OrderRequest, signal: AbortSignal): Promise<Order> {
    const { hostname, wildcard, keyAlgorithm } = request
    if (wildcard) {
      const message = 'Wildcards are validated by DNS, which is not available in this version.'
      throw new IssuerError('rejected', message)
    }
    const identifiers = [{ type: 'dns', value: hostname }]
    const response = await this.#client.postNewOrder({ identifiers }, signal)
    const opened = readOrder(response)
    const url = response.header('location')
    if (url === undefined) throw new IssuerError('unavailable', 'The CA did not name the order.')
    if (opened.status === 'invalid') refuse(await this.#explain(opened, signal))
    this.#keepApart(url, keyAlgorithm)
    const challenges = await this.#listChallenges(opened, { hostname, signal })
    return { ca: this.name, url, challenges, expiresAt: this.#expiryOf(opened) }
  }

  /** A challenge that the CA looks at already, or has looked at, is left as it is. */
  async beginValidation(
    order: Order,
    challenges: readonly OrderChallenge[],
    signal: AbortSignal,
  ): Promise<void> {
    this.#checkOurs(order)
    for (const { url } of challenges) {
      try {
        await this.#client.post({ url, payload: {} }, signal)
      } catch (error) {
        if (!isRejected(error)) throw error
        const response = await this.#client.post({ url }, signal)
        const { status } = readObject(response, { schema: challengeSchema, what: 'a challenge' })
        if (status === 'pending') throw error
      }
    }
  }

  async checkOrder(order: Order, signal: AbortSignal): Promise<OrderProgress> {
    const { found, retryAfterMs } = await this.#findOrder(order, signal)
    switch (found.status) {
      case 'pending':
        return { state: 'pending', retryAfterMs }
      case 'invalid':
        return { state: 'invalid', problem: await this.#explain(found, signal), fault: 'name' }
      case 'ready':
      case 'processing':
      case 'valid':
        return { state: 'ready' }
      default:
        return found.status satisfies never
    }
  }

  /** The CSR is sent once: an order that has one is only asked for its chain. */
  async finalize(order: Order, csr: Uint8Array, signal: AbortSignal): Promise<FinalizeProgress> {
    let asked = await this.#findOrder(order, signal)
    if (asked.found.status === 'ready') {
      try {
        asked = await this.#sendCsr(asked.found.finalize, csr, signal)
      } catch (error) {
        if (!isRejected(error)) throw error
        asked = await this.#findOrder(order, signal)
        if (asked.found.status === 'ready') throw error
      }
    }
    return this.#collect(order, asked, signal)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  /**
   * Boulder gives the same open order to whoever asks for the same name twice, and a pack is two
   * orders: one chain would be signed for the other's key. The second waits until the first is done.
   */
  #keepApart(url: string, keyAlgorithm: KeyAlgorithm): void {
    const other = this.#given.get(url)
    if (other !== undefined && other !== keyAlgorithm) {
      const message = `The CA first finishes the ${other} certificate for this name.`
      throw new IssuerError('unavailable', message)
    }
    this.#given.set(url, keyAlgorithm)
  }

  async #listChallenges(
    { authorizations }: AcmeOrder,
    { hostname, signal }: { hostname: string; signal: AbortSignal },
  ): Promise<OrderChallenge[]> {
    const challenges: OrderChallenge[] = []
    for (const url of authorizations) {
      const authorization = await this.#findAuthorization(url, signal)
      if (authorization.identifier.value.toLowerCase() !== hostname) {
        refuse('The CA wants another name proved than the one that was ordered.')
      }
      if (authorization.status === 'valid') continue
      if (authorization.status !== 'pending') refuse(problemOf(authorization))
      challenges.push(await this.#chooseChallenge(authorization, signal))
    }
    return challenges
  }

  async #chooseChallenge(
    { identifier, challenges }: Authorization,
    signal: AbortSignal,
  ): Promise<OrderChallenge> {
    const offered = challenges.find(({ type }) => type === 'http-01')
    if (offered?.token === undefined) {
      refuse('The CA does not offer to validate this name by HTTP.')
    }
    const { url, token } = offered
    const keyAuthorization = await this.#client.keyAuthorization(token, signal)
    return { type: 'http-01', identifier: identifier.value, url, token, keyAuthorization }
  }

  async #findOrder(order: Order, signal: AbortSignal): Promise<Asked> {
    this.#checkOurs(order)
    const asked = this.#asked(await this.#client.post({ url: order.url }, signal))
    if (asked.found.status === 'pending' && order.expiresAt <= this.#clock.now()) {
      throw new IssuerError('unknown-order', 'The order at the CA expired.')
    }
    return asked
  }

  #asked(response: AcmeResponse): Asked {
    const retryAfterMs = readRetryAfter(response, this.#clock.now()) ?? POLL_MS
    return { found: readOrder(response), retryAfterMs }
  }

  async #findAuthorization(url: string, signal: AbortSignal): Promise<Authorization> {
    const response = await this.#client.post({ url }, signal)
    return readObject(response, { schema: authorizationSchema, what: 'an authorization' })
  }

  async #sendCsr(url: string, csr: Uint8Array, signal: AbortSignal): Promise<Asked> {
    const payload = { csr: Buffer.from(csr).toString('base64url') }
    return this.#asked(await this.#client.post({ url, payload }, signal))
  }

  async #collect(
    order: Order,
    { found, retryAfterMs }: Asked,
    signal: AbortSignal,
  ): Promise<FinalizeProgress> {
    switch (found.status) {
      case 'pending':
      case 'ready':
      case 'processing':
        return { state: 'processing', retryAfterMs }
      case 'invalid':
        return refuse(await this.#explain(found, signal))
      case 'valid': {
        if (!found.certificate) {
          throw new IssuerError('unavailable', 'The CA did not say where the certificate is.')
        }
        const chain = await this.#client.post({ url: found.certificate, accept: PEM_CHAIN }, signal)
        this.#given.delete(order.url)
        return { state: 'valid', chain: parsePemChain(chain.body.toString('latin1')) }
      }
      default:
        return found.status satisfies never
    }
  }

  /** Why an order is invalid: the CA says so of the order, or of a challenge. */
  async #explain({ error, authorizations }: AcmeOrder, signal: AbortSignal): Promise<string> {
    for (const url of authorizations) {
      const authorization = await this.#findAuthorization(url, signal)
      if (authorization.status === 'invalid') return problemOf(authorization)
    }
    return error ? describeProblem(error) : 'The CA gave the order up without saying why.'
  }

  /** An order that was opened at another CA, before the settings were changed, is of no use here. */
  #checkOurs({ ca }: Order): void {
    if (ca === this.name) return
    throw new IssuerError(
      'unknown-order',
      'The order was opened at a CA that is not used any more.',
    )
  }

  #expiryOf({ expires }: AcmeOrder): number {
    const at = expires === undefined ? Number.NaN : Date.parse(expires)
    return Number.isNaN(at) ? this.#clock.now() + ORDER_LIFETIME_MS : at
  }
}

interface Asked {
  found: AcmeOrder
  retryAfterMs: number
}

function readOrder(response: AcmeResponse): AcmeOrder {
  return readObject(response, { schema: orderSchema, what: 'an order' })
}

function problemOf({ status, challenges }: Authorization): string {
  const error = challenges.map((challenge) => challenge.error).find((found) => found !== undefined)
  return error ? describeProblem(error) : `The CA's authorization for this name is ${status}.`
}

function isRejected(error: unknown): error is IssuerError {
  return error instanceof IssuerError && error.kind === 'rejected'
}

function refuse(message: string): never {
  throw new IssuerError('rejected', message)
}
