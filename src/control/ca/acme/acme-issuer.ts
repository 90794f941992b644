import { LRUCache } from 'lru-cache'

import type { Chain, KeyAlgorithm } from '#domain/certificate.ts'
import type { Order, OrderChallenge } from '#domain/order.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { SecretStore } from '#store/store.ts'

import {
  IssuerError,
  type CertificateAuthorityName,
  type FinalizeProgress,
  type Issuer,
  type OrderProgress,
  type OrderRequest,
  type RenewalAnswer,
} from '../issuer.ts'
import type { ExternalAccount } from './account-key.ts'
import { AcmeClient } from './acme-client.ts'
import type { AcmeOrder } from './acme-objects.ts'
import { fetchChain } from './alternate-chains.ts'
import { isBegun, listChallenges } from './authorizations.ts'
import { caaIdentitiesOf, describeCa } from './known-cas.ts'
import { postNewOrder } from './new-order.ts'
import { OrderReader, type AskedOrder } from './order-reader.ts'
import { fetchRenewalInfo } from './renewal-info.ts'

/** A CA that speaks RFC 8555, such as Let's Encrypt. Nothing is asked of it before it is needed. */
export interface AcmeIssuer extends Issuer {
  /** Cuts requests under way. Idempotent. */
  close(): Promise<void>
}

export interface AcmeIssuerOptions {
  directoryUrl: string
  /** As orders and certificates name the CA. @default the directory's URL */
  name?: string | undefined
  /** @default that of the CA, where it is a known one */
  apiName?: CertificateAuthorityName | undefined
  /** Where the account's key is kept; made at the first order. */
  secrets: SecretStore
  clock: Clock
  log: Logger
  /** Contact that the CA is told when the account is made. @default none */
  email?: string | undefined
  /** For CAs that want accounts bound to one that exists there. @default none */
  externalAccount?: ExternalAccount | undefined
  /** Tells several accounts at one CA apart; another label is a new account. @default none */
  account?: string | undefined
  /** Kind of certificate, as the CA calls it. @default the CA's */
  profile?: string | undefined
  /** Common name of the issuer at the top of the chain that is wanted. @default the CA's choice */
  preferredChain?: string | undefined
  /** Names that CAA records give the CA. @default what its directory says, or is known of it */
  caaIdentities?: readonly string[] | undefined
  /** Roots trusted for the CA's own HTTPS beside the built-in ones, PEM each. @default none */
  roots?: readonly string[]
  /**
   * How long one request to the CA may take, in milliseconds: shorter than a whole step of the
   * lifecycle, so that a CA that hangs is told apart. @default 10 seconds
   */
  timeoutMs?: number
}

export function createAcmeIssuer(options: AcmeIssuerOptions): AcmeIssuer {
  const { title } = describeCa(options.directoryUrl, options)
  const { account, email, externalAccount, roots = [], timeoutMs = 10_000 } = options
  const ofAccount = { title, account, email, externalAccount }
  return new AcmeCa(options, new AcmeClient({ ...options, ...ofAccount, roots, timeoutMs }))
}

const MAX_REMEMBERED = 10_000
/** Until then it may not be written yet which chain an order was given to: longer than any step. */
const GIVEN_MS = 60_000

class AcmeCa implements AcmeIssuer {
  readonly name: string
  readonly title: string
  readonly apiName: CertificateAuthorityName | undefined
  readonly #options: AcmeIssuerOptions
  readonly #client: AcmeClient
  readonly #reader: OrderReader
  /** Which chain was given which order, and when, by the order's URL. */
  readonly #given = new LRUCache<string, { keyAlgorithm: KeyAlgorithm; at: number }>({
    max: MAX_REMEMBERED,
  })
  /** As is known of the CA, or was learned. */
  #reusesProofs: boolean
  /** Where the CSR of an order goes that was ready when it was last seen, by the order's URL. */
  readonly #ready = new LRUCache<string, string>({ max: MAX_REMEMBERED })

  constructor(options: AcmeIssuerOptions, client: AcmeClient) {
    const { title, apiName, reusesProofs } = describeCa(options.directoryUrl, options)
    this.#reusesProofs = reusesProofs
    this.name = options.name ?? options.directoryUrl
    this.title = title
    this.apiName = options.apiName ?? apiName
    this.#options = options
    this.#client = client
    this.#reader = new OrderReader({ client, clock: options.clock })
  }

  get hasRenewalInfo(): boolean {
    const directory = this.#client.knownDirectory
    return directory === undefined || directory.renewalInfo !== undefined
  }

  findAccountUri(signal: AbortSignal): Promise<string> {
    return this.#client.getAccountUrl(signal)
  }

  async listCaaIdentities(signal: AbortSignal): Promise<readonly string[]> {
    const { caaIdentities, directoryUrl } = this.#options
    if (caaIdentities) return caaIdentities
    const { meta } = await this.#client.getDirectory(signal)
    return caaIdentitiesOf(directoryUrl, meta.caaIdentities)
  }

  findRenewalInfo(chain: Chain, signal: AbortSignal): Promise<RenewalAnswer | undefined> {
    const { clock } = this.#options
    return fetchRenewalInfo({ client: this.#client, chain, now: clock.now() }, signal)
  }

  /** Under the account (RFC 8555 section 7.6), which has to be the one that it was issued to. */
  async revoke({ leaf }: Chain, signal: AbortSignal): Promise<void> {
    const { revokeCert: url } = await this.#client.getDirectory(signal)
    if (url === undefined) refuse('The CA revokes no certificates.')
    const payload = { certificate: Buffer.from(leaf).toString('base64url') }
    try {
      await this.#client.post({ url, payload, about: 'certificate' }, signal)
    } catch (error) {
      const isDone = error instanceof IssuerError && error.problemType === 'alreadyRevoked'
      if (!isDone) throw error
    }
  }

  async openOrder(request: OrderRequest, signal: AbortSignal): Promise<Order> {
    const { profile } = this.#options
    const response = await postNewOrder({ client: this.#client, request, profile }, signal)
    const { found: opened } = this.#reader.read(response)
    const url = response.header('location')
    if (url === undefined) throw new IssuerError('unavailable', 'The CA did not name the order.')
    if (opened.status === 'invalid') refuse((await this.#reader.explain(opened, signal)).problem)
    this.#keepApart(url, request)
    this.#reader.remember(url, opened)
    const challenges = await this.#listChallenges(opened, request, signal)
    const expiresAt = this.#reader.expiryOf(opened)
    return {
      ca: this.name,
      url,
      challenges,
      expiresAt,
      ...(!this.#reusesProofs && { provedAlone: true }),
    }
  }

  /**
   * A name whose validation was begun is left alone, whatever challenge that was by: Pebble would look
   * at the other one too, and give up a name that it has already seen proved.
   */
  async beginValidation(
    order: Order,
    challenges: readonly OrderChallenge[],
    signal: AbortSignal,
  ): Promise<void> {
    this.#checkOurs(order)
    const before = await this.#reader.listAuthorizations(order, signal)
    for (const challenge of challenges.filter((one) => !isBegun(one, before))) {
      try {
        await this.#client.post({ url: challenge.url, payload: {} }, signal)
      } catch (error) {
        if (!isRejected(error)) throw error
        const after = await this.#reader.listAuthorizations(order, signal)
        if (!isBegun(challenge, after)) throw error
      }
    }
  }

  async checkOrder(order: Order, signal: AbortSignal): Promise<OrderProgress> {
    this.#checkOurs(order)
    const { found, retryAfterMs } = await this.#reader.find(order, signal)
    switch (found.status) {
      case 'pending':
        return { state: 'pending', retryAfterMs }
      case 'invalid':
        return { state: 'invalid', ...(await this.#reader.explain(found, signal)) }
      case 'ready':
        this.#ready.set(order.url, found.finalize)
        return { state: 'ready' }
      case 'processing':
      case 'valid':
        return { state: 'ready' }
      default:
        return found.status satisfies never
    }
  }

  /** The CSR is sent once: an order that has one is only asked for its chain. */
  async finalize(order: Order, csr: Uint8Array, signal: AbortSignal): Promise<FinalizeProgress> {
    this.#checkOurs(order)
    const ready = this.#ready.get(order.url)
    if (ready !== undefined) {
      this.#ready.delete(order.url)
      return this.#collect(order, await this.#sendCsr({ order, url: ready, csr }, signal), signal)
    }
    const asked = await this.#reader.find(order, signal)
    const { status, finalize: url } = asked.found
    const after = status === 'ready' ? await this.#sendCsr({ order, url, csr }, signal) : asked
    return this.#collect(order, after, signal)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  /**
   * Boulder gives the same open order to whoever asks for the same name twice, and a pack is two
   * orders: one chain would be signed for the other's key. The second waits until the first is done, and
   * no other is opened beside a first one from then on. An order that the other chain has not, because its
   * record was edited or removed or is another zone's, is nobody's: waiting for it might take days.
   */
  #keepApart(url: string, { keyAlgorithm, siblingOrder }: OrderRequest): void {
    const now = this.#options.clock.now()
    const given = this.#given.get(url)
    const isOthers = given !== undefined && given.keyAlgorithm !== keyAlgorithm
    const isNew = isOthers && Math.abs(now - given.at) < GIVEN_MS
    if (url === siblingOrder || isNew) {
      this.#reusesProofs = true
      const other = keyAlgorithm === 'ecdsa' ? 'rsa' : 'ecdsa'
      const message = `The CA first finishes the ${other} certificate for this name.`
      throw new IssuerError('busy', message)
    }
    // Not anew for whoever asks again: nobody is kept waiting by that.
    if (!given || isOthers) this.#given.set(url, { keyAlgorithm, at: now })
  }

  async #listChallenges(
    { authorizations }: AcmeOrder,
    request: OrderRequest,
    signal: AbortSignal,
  ): Promise<OrderChallenge[]> {
    const thumbprint = await this.#client.getThumbprint(signal)
    const challenges: OrderChallenge[] = []
    for (const url of authorizations) {
      const authorization = await this.#reader.findAuthorization(url, signal)
      challenges.push(...listChallenges(authorization, { request, thumbprint }))
    }
    return challenges
  }

  /** @throws {IssuerError} what the CA says against the CSR, unless it has one already */
  async #sendCsr(
    { order, url, csr }: { order: Order; url: string; csr: Uint8Array },
    signal: AbortSignal,
  ): Promise<AskedOrder> {
    const payload = { csr: Buffer.from(csr).toString('base64url') }
    try {
      return this.#reader.read(await this.#client.post({ url, payload }, signal))
    } catch (error) {
      if (!isRejected(error)) throw error
      const asked = await this.#reader.find(order, signal)
      if (asked.found.status === 'ready') throw error
      return asked
    }
  }

  async #collect(
    order: Order,
    { found, retryAfterMs }: AskedOrder,
    signal: AbortSignal,
  ): Promise<FinalizeProgress> {
    switch (found.status) {
      case 'pending':
      case 'ready':
      case 'processing':
        return { state: 'processing', retryAfterMs }
      case 'invalid':
        return refuse((await this.#reader.explain(found, signal)).problem)
      case 'valid': {
        const { certificate: url } = found
        if (url === undefined) {
          throw new IssuerError('unavailable', 'The CA did not say where the certificate is.')
        }
        const { preferredChain } = this.#options
        const chain = await fetchChain({ client: this.#client, url, preferredChain }, signal)
        this.#given.delete(order.url)
        return { state: 'valid', chain }
      }
      default:
        return found.status satisfies never
    }
  }

  /** An order that was opened at another CA, before the settings were changed, is of no use here. */
  #checkOurs({ ca }: Order): void {
    if (ca === this.name) return
    throw new IssuerError(
      'unknown-order',
      'The order was opened at a CA that is not used any more.',
    )
  }
}

function isRejected(error: unknown): error is IssuerError {
  return error instanceof IssuerError && error.kind === 'rejected'
}

function refuse(message: string): never {
  throw new IssuerError('rejected', message)
}
