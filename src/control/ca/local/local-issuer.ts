import { createHash } from 'node:crypto'

import { LRUCache } from 'lru-cache'

import type { Chain } from '#domain/certificate.ts'
import type { Order, OrderChallenge } from '#domain/issuance.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { SecretStore } from '#store/store.ts'

import type { ChallengeFinding } from '../../lifecycle/inspector.ts'
import { CsrError, parseCsr, type Csr } from '../csr.ts'
import { IssuerError, type Issuer, type OrderProgress, type OrderRequest } from '../issuer.ts'
import { isLeafKey } from '../keys.ts'
import { signLeaf, type Authority, type Validity } from './authority.ts'
import { openHierarchy, renderRoots, type Hierarchy } from './hierarchy.ts'
import { createOrderTickets, type OrderTicket, type OrderTickets } from './order-ticket.ts'
import { Validations } from './validations.ts'

/**
 * The built-in CA. It validates like any other: it looks at the http-01 challenge itself and signs
 * nothing for a name that it did not see proved. Its keys never leave it.
 *
 * After a restart orders are still good (see order-ticket.ts); what was validated is forgotten, so
 * an order that was to be finalized then is unknown and must be opened again.
 */
export interface LocalIssuer extends Issuer {
  /** What clients must trust: the root of each key algorithm, PEM. */
  exportRoots(): string
  /** Ends validations under way. Idempotent. */
  close(): Promise<void>
}

export interface LocalIssuerOptions {
  /** Where the hierarchy is kept; made at the first start. */
  secrets: SecretStore
  /** Fetches a challenge as a CA does. Rejects only when the signal aborts. */
  inspectChallenge: (challenge: OrderChallenge, signal: AbortSignal) => Promise<ChallengeFinding>
  clock: Clock
  random: Random
  /** From `notBefore` to `notAfter`, in milliseconds. @default 365 days */
  leafLifetimeMs?: number
  /** How long a proved name needs no new proof, in milliseconds; 0: never. @default 1 hour */
  authorizationReuseMs?: number
  /** How long a customer may take, in milliseconds. @default 7 days */
  orderLifetimeMs?: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const SHORTEST_LEAF_MS = 10_000
/** Longer ones are refused by browsers even under private roots (Apple: 825 days). */
const LONGEST_LEAF_MS = 825 * DAY_MS
/** How long `checkOrder` waits for a look that is under way before it says "pending". */
const PATIENCE_MS = 500
const RETRY_MS = 250
const MAX_ISSUED = 1_000

/** @throws {RangeError} a lifetime out of range */
export async function createLocalIssuer(options: LocalIssuerOptions): Promise<LocalIssuer> {
  const { secrets, clock, random, authorizationReuseMs = HOUR_MS } = options
  const { leafLifetimeMs = 365 * DAY_MS, orderLifetimeMs = 7 * DAY_MS } = options
  if (!(leafLifetimeMs >= SHORTEST_LEAF_MS && leafLifetimeMs <= LONGEST_LEAF_MS)) {
    const range = `from ${SHORTEST_LEAF_MS} to ${LONGEST_LEAF_MS}`
    throw new RangeError(`leafLifetimeMs must be ${range}: received ${leafLifetimeMs}`)
  }
  const hierarchy = await openHierarchy(secrets, { now: clock.now(), random })
  return new BuiltInCa({
    hierarchy,
    clock,
    random,
    inspectChallenge: options.inspectChallenge,
    leafLifetimeMs,
    orderLifetimeMs,
    validations: new Validations({ clock, reuseMs: authorizationReuseMs }),
  })
}

interface Parts extends Required<
  Pick<
    LocalIssuerOptions,
    'inspectChallenge' | 'clock' | 'random' | 'leafLifetimeMs' | 'orderLifetimeMs'
  >
> {
  hierarchy: Hierarchy
  validations: Validations
}

interface Issued {
  /** SHA-256 of the SubjectPublicKeyInfo. */
  key: string
  chain: Promise<Chain>
}

type FinalizeResult = ReturnType<Issuer['finalize']>

class BuiltInCa implements LocalIssuer {
  readonly name = 'local'
  readonly title = 'The built-in CA'
  readonly apiName = undefined
  readonly hasRenewalInfo = false
  readonly #parts: Parts
  readonly #tickets: OrderTickets
  readonly #issued = new LRUCache<string, Issued>({ max: MAX_ISSUED })

  constructor(parts: Parts) {
    this.#parts = parts
    this.#tickets = createOrderTickets(parts.hierarchy.orderSecret)
  }

  async openOrder({ hostname, wildcard, keyAlgorithm }: OrderRequest): Promise<Order> {
    if (wildcard) {
      throw new IssuerError('rejected', 'The built-in CA validates by HTTP, and so no wildcards.')
    }
    const { clock, random, orderLifetimeMs, validations } = this.#parts
    const provedUntil = validations.provedUntil(hostname)
    const ticket: OrderTicket = {
      id: Buffer.from(random.bytes(16)).toString('base64url'),
      hostname,
      keyAlgorithm,
      authorized: provedUntil !== undefined,
      expiresAt: provedUntil ?? clock.now() + orderLifetimeMs,
    }
    const url = this.#tickets.seal(ticket)
    const challenges = ticket.authorized ? [] : [this.#challenge(ticket, url)]
    return { ca: this.name, url, challenges, expiresAt: ticket.expiresAt }
  }

  /** Private: CAA does not bind it, and nothing that it signs is trusted by anybody else. */
  async listCaaIdentities(): Promise<readonly string[]> {
    return []
  }

  async findRenewalInfo(): Promise<undefined> {}

  /** Nobody would see it: it publishes no list of what it revoked. */
  async revoke(): Promise<void> {}

  async beginValidation(order: Order): Promise<void> {
    const ticket = this.#open(order)
    if (!ticket.authorized) this.#validate(ticket, order)
  }

  /** A validation that was cut off by a restart is begun anew. */
  async checkOrder(order: Order, signal: AbortSignal): Promise<OrderProgress> {
    const ticket = this.#open(order)
    if (ticket.authorized) return { state: 'ready' }
    const begun = this.#validate(ticket, order)
    if (begun.state === 'running') await this.#wait(begun.settled, signal)
    const validation = this.#parts.validations.find(ticket.id)
    switch (validation?.state) {
      case 'valid':
        return { state: 'ready' }
      case 'invalid':
        return { state: 'invalid', problem: validation.problem, fault: 'name' }
      default:
        return { state: 'pending', retryAfterMs: RETRY_MS }
    }
  }

  /** After a restart the name is proved again first: what was proved is known in memory only. */
  async finalize(order: Order, der: Uint8Array, signal: AbortSignal): FinalizeResult {
    const ticket = this.#open(order)
    if (!this.#parts.validations.find(ticket.id)) await this.checkOrder(order, signal)
    if (!this.#isReady(ticket)) return { state: 'processing', retryAfterMs: RETRY_MS }
    const csr = await readCsr(der, ticket)
    const key = createHash('sha256').update(csr.spki).digest('hex')
    const issued = this.#issued.get(ticket.id) ?? this.#issue(ticket, csr, key)
    if (issued.key !== key) refuse('The order was finalized with another key.')
    return { state: 'valid', chain: await issued.chain }
  }

  exportRoots(): string {
    return renderRoots(this.#parts.hierarchy)
  }

  close(): Promise<void> {
    return this.#parts.validations.close()
  }

  #open(order: Order): OrderTicket {
    const ticket = this.#tickets.open(order.url)
    if (!ticket) throw new IssuerError('unknown-order', 'The built-in CA has no such order.')
    if (ticket.expiresAt <= this.#parts.clock.now()) {
      throw new IssuerError('unknown-order', 'The order at the built-in CA expired.')
    }
    return ticket
  }

  #challenge(ticket: OrderTicket, url: string): OrderChallenge {
    const token = this.#tickets.token(ticket)
    return {
      type: 'http-01',
      identifier: ticket.hostname,
      url: `${url}:http-01`,
      token,
      keyAuthorization: `${token}.${this.#parts.hierarchy.accountThumbprint}`,
    }
  }

  #validate(ticket: OrderTicket, order: Order): ReturnType<Validations['begin']> {
    const { validations, inspectChallenge } = this.#parts
    const challenge = this.#challenge(ticket, order.url)
    return validations.begin(ticket, async (signal) => {
      const finding = await inspectChallenge(challenge, signal)
      return finding.isReady ? undefined : finding.problem
    })
  }

  async #wait(settled: Promise<void>, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = (): void => resolve()
    const timer = this.#parts.clock.after(PATIENCE_MS, stop)
    signal.addEventListener('abort', stop, { once: true })
    await Promise.race([settled, promise])
    timer.cancel()
    signal.removeEventListener('abort', stop)
    signal.throwIfAborted()
  }

  /** False while the look is under way. */
  #isReady(ticket: OrderTicket): boolean {
    if (ticket.authorized) return true
    const validation = this.#parts.validations.find(ticket.id)
    if (validation?.state === 'invalid') refuse(validation.problem)
    return validation?.state === 'valid'
  }

  #issue(ticket: OrderTicket, csr: Csr, key: string): Issued {
    const chain = this.#sign(ticket, csr)
    const issued = { key, chain }
    this.#issued.set(ticket.id, issued)
    chain.catch(() => this.#issued.delete(ticket.id))
    return issued
  }

  async #sign({ keyAlgorithm, hostname }: OrderTicket, csr: Csr): Promise<Chain> {
    const { hierarchy, random } = this.#parts
    const issuer = hierarchy.intermediates[keyAlgorithm]
    const validity = this.#validityUnder(issuer)
    const publicKey = csr.spki
    const names = [hostname]
    const leaf = await signLeaf({ issuer, keyAlgorithm, publicKey, names, validity, random })
    return { leaf, intermediates: [issuer.der] }
  }

  /** Backdated for clocks that are a little slow, by an hour or a twentieth of a short life. */
  #validityUnder({ certificate }: Authority): Validity {
    const { clock, leafLifetimeMs } = this.#parts
    const now = clock.now()
    const backdated = now - Math.min(HOUR_MS, leafLifetimeMs / 20)
    const notAfter = Math.min(backdated + leafLifetimeMs, certificate.notAfter.getTime())
    if (notAfter <= now) refuse('The intermediate of the built-in CA has expired.')
    return { notBefore: Math.max(backdated, certificate.notBefore.getTime()), notAfter }
  }
}

async function readCsr(der: Uint8Array, { hostname, keyAlgorithm }: OrderTicket): Promise<Csr> {
  const csr = await parseCsr(der).catch((error: unknown) => {
    if (error instanceof CsrError) return refuse(`The CSR cannot be used: ${error.message}.`)
    throw error
  })
  if (csr.names.join() !== hostname) refuse(`The CSR is not for ${hostname} alone.`)
  if (!isLeafKey(csr.publicKey, keyAlgorithm)) {
    refuse(`The CSR's key is not of the kind that the order is for (${keyAlgorithm}).`)
  }
  return csr
}

function refuse(message: string): never {
  throw new IssuerError('rejected', message)
}
