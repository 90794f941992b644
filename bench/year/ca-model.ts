import {
  IssuerError,
  type Issuer,
  type OrderProgress,
  type OrderRequest,
} from '#control/ca/issuer.ts'
import { registeredDomainOf } from '#domain/hostname.ts'
import type { Order, OrderChallenge } from '#domain/order.ts'
import type { Clock } from '#lib/clock.ts'

import { CaLimitsModel, type LimitAnchor } from './ca-limits-model.ts'
import type { Customers } from './customers.ts'
import { includes } from './intervals.ts'
import type { Journal } from './journal.ts'
import { readChain, writeChain, type Paper } from './paper-certificates.ts'
import { eraAt, type Scenario } from './scenario.ts'
import { DAY, HOUR, MINUTE } from './units.ts'

export interface CaModel extends Issuer {
  readonly violations: ReadonlyMap<LimitAnchor, number>
}

export interface CaModelOptions {
  scenario: Scenario
  customers: Customers
  clock: Clock
  journal: Journal
}

interface OpenOrder {
  hostname: string
  state: 'pending' | 'ready' | 'invalid'
  /** Number of the certificate that it replaces. */
  replaces: number | undefined
}

/** As Let's Encrypt says it. */
const ASK_AGAIN_MS = 6 * HOUR
const ORDER_LIFE_MS = 7 * DAY
/** As the CA's certificates are, to bear with slow clocks. */
const BACKDATED_MS = 60 * MINUTE
export const CA_NAME = 'lets_encrypt'

/** Let's Encrypt as far as a client can see it: its limits, windows, eras and bad days. */
export function createCaModel(options: CaModelOptions): CaModel {
  return new LetsEncryptModel(options)
}

class LetsEncryptModel implements CaModel {
  readonly name = CA_NAME
  readonly title = "Let's Encrypt"
  readonly apiName = 'lets_encrypt'
  readonly hasRenewalInfo = true
  readonly #options: CaModelOptions
  readonly #limits: CaLimitsModel
  readonly #orders = new Map<string, OpenOrder>()
  /** Until when a name that was proved needs no new proof. */
  readonly #provedUntil = new Map<string, number>()
  readonly #certified = new Set<string>()
  readonly #replaced = new Set<number>()
  #orderCount = 0
  #certificateCount = 0

  constructor(options: CaModelOptions) {
    this.#options = options
    this.#limits = new CaLimitsModel(options.scenario)
  }

  get violations(): ReadonlyMap<LimitAnchor, number> {
    return this.#limits.violations
  }

  async findAccountUri(): Promise<undefined> {}

  async listCaaIdentities(): Promise<readonly string[]> {
    return ['letsencrypt.org']
  }

  async openOrder({ hostname, replaces }: OrderRequest): Promise<Order> {
    const { journal } = this.#options
    const now = this.#mustBeUp('orders')
    const replaced = replaces ? readChain(replaces).number : undefined
    const isAri = replaced !== undefined && !this.#replaced.has(replaced)
    const isRenewal = this.#certified.has(hostname)
    this.#limits.admit({ hostname, domain: registeredDomainOf(hostname), isAri, isRenewal }, now)
    journal.noteOrder({ now, isRenewal: replaced !== undefined })
    const url = `order/${++this.#orderCount}`
    const isProved = (this.#provedUntil.get(hostname) ?? 0) > now
    this.#orders.set(url, { hostname, state: isProved ? 'ready' : 'pending', replaces: replaced })
    const challenges = isProved ? [] : challengesOf(url, hostname)
    return { ca: this.name, url, challenges, expiresAt: now + ORDER_LIFE_MS }
  }

  async beginValidation(order: Order): Promise<void> {
    const { customers, journal, scenario } = this.#options
    const now = this.#mustBeUp('others')
    const open = this.#get(order)
    if (customers.isFine(open.hostname, now)) {
      open.state = 'ready'
      this.#provedUntil.set(open.hostname, now + eraAt(scenario, now).reuseMs)
      return
    }
    open.state = 'invalid'
    journal.noteFailedValidation()
    this.#limits.noteFailedValidation(open.hostname, now)
  }

  async checkOrder(order: Order): Promise<OrderProgress> {
    this.#mustBeUp('others')
    const { state } = this.#get(order)
    if (state === 'invalid') return { state, problem: 'The name is not proved.', fault: 'name' }
    return state === 'ready' ? { state } : { state, retryAfterMs: 3_000 }
  }

  async finalize(order: Order): ReturnType<Issuer['finalize']> {
    const { scenario } = this.#options
    const now = this.#mustBeUp('others')
    const { hostname, replaces, state } = this.#get(order)
    if (state !== 'ready') throw new IssuerError('rejected', 'The order is not ready.')
    this.#orders.delete(order.url)
    if (replaces !== undefined) this.#replaced.add(replaces)
    this.#certified.add(hostname)
    const notBefore = now - BACKDATED_MS
    const notAfter = notBefore + eraAt(scenario, now).lifetimeMs
    return {
      state: 'valid',
      chain: writeChain({ number: ++this.#certificateCount, notBefore, notAfter }),
    }
  }

  async findRenewalInfo(
    chain: Parameters<Issuer['findRenewalInfo']>[0],
  ): ReturnType<Issuer['findRenewalInfo']> {
    const now = this.#mustBeUp('others')
    const window = windowOf(readChain(chain))
    const quietUntil = window.start > now ? window.start : window.end
    return { window, retryAfterMs: Math.max(quietUntil - now, ASK_AGAIN_MS) }
  }

  async revoke(): Promise<void> {}

  #get({ url }: Order): OpenOrder {
    const open = this.#orders.get(url)
    if (!open) throw new IssuerError('unknown-order', 'The CA does not know the order.')
    return open
  }

  /** @returns the time. @throws {IssuerError} `unavailable` */
  #mustBeUp(kind: 'orders' | 'others'): number {
    const { clock, scenario, journal } = this.#options
    const now = clock.now()
    if (!scenario.outages.some((outage) => includes(outage, now))) return now
    journal.noteUnanswered({ now, kind })
    throw new IssuerError('unavailable', "Let's Encrypt cannot be reached.")
  }
}

/**
 * As the CA computes it: a fiftieth of the lifetime around the instant at which a third of it is left.
 * No window ever moves in this model, so the CA has itself asked again when one begins, not every six
 * hours as it says in life: that would be 600 million questions that find nothing.
 */
function windowOf({ notBefore, notAfter }: Paper): { start: number; end: number } {
  const lifetime = notAfter - notBefore
  const ideal = notAfter - lifetime / 3
  return { start: ideal - lifetime / 100, end: ideal + lifetime / 100 }
}

function challengesOf(order: string, identifier: string): OrderChallenge[] {
  return (['http-01', 'dns-01', 'tls-alpn-01'] as const).map((type) => {
    const token = `${order}/${type}`
    return { type, identifier, url: token, token, keyAuthorization: token }
  })
}
