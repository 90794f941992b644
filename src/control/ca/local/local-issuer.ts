import { createHash } from 'node:crypto'

import { LRUCache } from 'lru-cache'

import { LOCAL_CA } from '#domain/certificate-authority.ts'
import type { Chain } from '#domain/certificate.ts'
import type { Order, OrderChallenge } from '#domain/order.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { SecretStore } from '#store/store.ts'

import { namesOf } from '../certificate-names.ts'
import type { Csr } from '../csr.ts'
import { IssuerError, type Issuer, type OrderProgress, type OrderRequest } from '../issuer.ts'
import { signLeaf, type Authority, type Validity } from './authority.ts'
import { openHierarchy, renderRoots, type Hierarchy } from './hierarchy.ts'
import { readOrderCsr } from './order-csr.ts'
import { createOrderTickets, type OrderTicket, type OrderTickets } from './order-ticket.ts'
import { listProofs, type Proof } from './proofs.ts'
import { Validations } from './validations.ts'

/**
 * The built-in CA. It validates like any other: it looks at the challenges itself and signs nothing
 * for a name that it did not see proved. Its keys never leave it.
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
  inspectChallenge: InspectChallenge
  clock: Clock
  random: Random
  /** From `notBefore` to `notAfter`, in milliseconds. @default 365 days */
  leafLifetimeMs?: number
  /** How long a proved name needs no new proof, in milliseconds; 0: never. @default 1 hour */
  authorizationReuseMs?: number
  /** How long a customer may take, in milliseconds. @default 7 days */
  orderLifetimeMs?: number
}

/** Looks at a challenge as a CA does. Rejects only when the signal aborts. */
export type InspectChallenge = (
  challenge: OrderChallenge,
  signal: AbortSignal,
) => Promise<{ isReady: true } | { isReady: false; problem: string }>

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
  readonly name = LOCAL_CA
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

  /** A wildcard's proofs are reused together or not at all, so that no customer is hurried by one. */
  async openOrder(request: OrderRequest): Promise<Order> {
    const { hostname, wildcard, keyAlgorithm } = request
    const { clock, random, orderLifetimeMs } = this.#parts
    const provedUntil = this.#provedUntil(namesOf(request))
    const ticket: OrderTicket = {
      id: Buffer.from(random.bytes(16)).toString('base64url'),
      hostname,
      wildcard,
      keyAlgorithm,
      authorized: provedUntil !== undefined,
      expiresAt: provedUntil ?? clock.now() + orderLifetimeMs,
    }
    const url = this.#tickets.seal(ticket)
    const challenges = this.#proofs(ticket, url).flatMap((proof) => proof.challenges)
    return { ca: this.name, url, challenges, expiresAt: ticket.expiresAt }
  }

  /** Private: CAA does not bind it, and nothing that it signs is trusted by anybody else. */
  async listCaaIdentities(): Promise<readonly string[]> {
    return []
  }

  async findAccountUri(): Promise<undefined> {}

  async findRenewalInfo(): Promise<undefined> {}

  /** Nobody would see it: it publishes no list of what it revoked. */
  async revoke(): Promise<void> {}

  async beginValidation(order: Order, challenges: readonly OrderChallenge[]): Promise<void> {
    const chosen = new Set(challenges.map(({ url }) => url))
    for (const proof of this.#proofs(this.#open(order), order.url)) {
      const asked = proof.challenges.filter(({ url }) => chosen.has(url))
      if (asked.length > 0) this.#validate(proof, asked)
    }
  }

  /**
   * A validation that was cut off by a restart is begun anew. Which challenge it was about is forgotten
   * with it, so that each is looked at until one is right.
   */
  async checkOrder(order: Order, signal: AbortSignal): Promise<OrderProgress> {
    const proofs = this.#proofs(this.#open(order), order.url)
    const begun = proofs.map((proof) => this.#validate(proof, proof.challenges))
    const running = begun.flatMap((one) => (one.state === 'running' ? [one.settled] : []))
    if (running.length > 0) await this.#wait(Promise.all(running), signal)
    return this.#progressOf(proofs)
  }

  /** After a restart the name is proved again first: what was proved is known in memory only. */
  async finalize(order: Order, der: Uint8Array, signal: AbortSignal): FinalizeResult {
    const ticket = this.#open(order)
    const proofs = this.#proofs(ticket, order.url)
    const isForgotten = proofs.some(({ id }) => !this.#parts.validations.find(id))
    const progress = isForgotten ? await this.checkOrder(order, signal) : this.#progressOf(proofs)
    if (progress.state === 'invalid') refuse(progress.problem)
    if (progress.state === 'pending') return { state: 'processing', retryAfterMs: RETRY_MS }
    const csr = await readOrderCsr(der, ticket)
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

  /** Until when all of them need no new proof; undefined where one needs it. */
  #provedUntil(names: readonly string[]): number | undefined {
    const untils = names.map((name) => this.#parts.validations.provedUntil(name))
    return untils.every((until) => until !== undefined) ? Math.min(...untils) : undefined
  }

  /** What the order wants proved. */
  #proofs(ticket: OrderTicket, url: string): Proof[] {
    if (ticket.authorized) return []
    const { accountThumbprint } = this.#parts.hierarchy
    return listProofs(ticket, { url, tokens: this.#tickets.tokens(ticket), accountThumbprint })
  }

  #validate(proof: Proof, challenges: readonly OrderChallenge[]): ReturnType<Validations['begin']> {
    return this.#parts.validations.begin(proof, (signal) => this.#look(challenges, signal))
  }

  /** Any of them proves the name; where none does, it is the first one's problem. */
  async #look(
    challenges: readonly OrderChallenge[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    let problem: string | undefined
    for (const challenge of challenges) {
      const finding = await this.#parts.inspectChallenge(challenge, signal)
      if (finding.isReady) return undefined
      problem ??= finding.problem
    }
    return problem
  }

  #progressOf(proofs: readonly Proof[]): OrderProgress {
    const found = proofs.map(({ id }) => this.#parts.validations.find(id))
    const invalid = found.find((validation) => validation?.state === 'invalid')
    if (invalid) return { state: 'invalid', problem: invalid.problem, fault: 'name' }
    const isReady = found.every((validation) => validation?.state === 'valid')
    return isReady ? { state: 'ready' } : { state: 'pending', retryAfterMs: RETRY_MS }
  }

  async #wait(settled: Promise<unknown>, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = (): void => resolve()
    const timer = this.#parts.clock.after(PATIENCE_MS, stop)
    signal.addEventListener('abort', stop, { once: true })
    await Promise.race([settled, promise])
    timer.cancel()
    signal.removeEventListener('abort', stop)
    signal.throwIfAborted()
  }

  #issue(ticket: OrderTicket, csr: Csr, key: string): Issued {
    const chain = this.#sign(ticket, csr)
    const issued = { key, chain }
    this.#issued.set(ticket.id, issued)
    chain.catch(() => this.#issued.delete(ticket.id))
    return issued
  }

  async #sign(ticket: OrderTicket, csr: Csr): Promise<Chain> {
    const { hierarchy, random } = this.#parts
    const { keyAlgorithm } = ticket
    const issuer = hierarchy.intermediates[keyAlgorithm]
    const validity = this.#validityUnder(issuer)
    const publicKey = csr.spki
    const names = namesOf(ticket)
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

function refuse(message: string): never {
  throw new IssuerError('rejected', message)
}
