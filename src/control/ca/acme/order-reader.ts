import { LRUCache } from 'lru-cache'

import type { Order } from '#domain/order.ts'
import type { Clock } from '#lib/clock.ts'

import { IssuerError } from '../issuer.ts'
import type { AcmeClient } from './acme-client.ts'
import type { AcmeResponse } from './acme-http.ts'
import {
  authorizationSchema,
  orderSchema,
  readObject,
  type AcmeOrder,
  type Authorization,
} from './acme-objects.ts'
import { describeProblem, faultOf, readRetryAfter } from './acme-problem.ts'
import { verdictOn, type Verdict } from './authorizations.ts'

export interface AskedOrder {
  found: AcmeOrder
  /** When the CA is to be asked again, should it not be done. */
  retryAfterMs: number
}

/** Where the CA does not say when to ask again. */
const POLL_MS = 500
/** Where the CA does not say until when an order is good (it must: RFC 8555 section 7.1.3). */
const ORDER_LIFETIME_MS = 24 * 3_600_000
/** Orders of which something is remembered; of others the CA is asked. */
const MAX_REMEMBERED = 10_000

/** What the CA tells of its orders and of their authorizations. */
export class OrderReader {
  readonly #client: AcmeClient
  readonly #clock: Clock
  /** What an order wants proved does not change (RFC 8555 section 7.1.3): addresses by its own. */
  readonly #authorizations = new LRUCache<string, readonly string[]>({ max: MAX_REMEMBERED })

  constructor({ client, clock }: { client: AcmeClient; clock: Clock }) {
    this.#client = client
    this.#clock = clock
  }

  /** @throws {IssuerError} `unknown-order` also for one whose time was up before it was proved */
  async find(order: Order, signal: AbortSignal): Promise<AskedOrder> {
    const asked = this.read(await this.#client.post({ url: order.url }, signal))
    if (asked.found.status === 'pending' && order.expiresAt <= this.#clock.now()) {
      throw new IssuerError('unknown-order', 'The order at the CA expired.')
    }
    return asked
  }

  read(response: AcmeResponse): AskedOrder {
    const retryAfterMs = readRetryAfter(response, this.#clock.now()) ?? POLL_MS
    return { found: readObject(response, { schema: orderSchema, what: 'an order' }), retryAfterMs }
  }

  /** Of an order that the CA has just opened: spares asking for what it said then. */
  remember(url: string, { authorizations }: AcmeOrder): void {
    this.#authorizations.set(url, authorizations)
  }

  async findAuthorization(url: string, signal: AbortSignal): Promise<Authorization> {
    const response = await this.#client.post({ url }, signal)
    return readObject(response, { schema: authorizationSchema, what: 'an authorization' })
  }

  /** What the order wants proved, as it is now. */
  async listAuthorizations(order: Order, signal: AbortSignal): Promise<Authorization[]> {
    const known = this.#authorizations.get(order.url)
    const urls = known ?? (await this.find(order, signal)).found.authorizations
    const authorizations: Authorization[] = []
    for (const url of urls) {
      authorizations.push(await this.findAuthorization(url, signal))
    }
    return authorizations
  }

  /** Why an order is invalid: the CA says so of the order, or of a challenge. */
  async explain({ error, authorizations }: AcmeOrder, signal: AbortSignal): Promise<Verdict> {
    for (const url of authorizations) {
      const authorization = await this.findAuthorization(url, signal)
      if (authorization.status === 'invalid') return verdictOn(authorization)
    }
    if (error) return { problem: describeProblem(error), fault: faultOf(error) }
    return { problem: 'The CA gave the order up without saying why.', fault: 'ca' }
  }

  expiryOf({ expires }: AcmeOrder): number {
    const at = expires === undefined ? Number.NaN : Date.parse(expires)
    return Number.isNaN(at) ? this.#clock.now() + ORDER_LIFETIME_MS : at
  }
}
