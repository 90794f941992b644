import type { CertificateAuthorityName } from '#domain/certificate-authority.ts'
import type { Chain, KeyAlgorithm } from '#domain/certificate.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { RenewalInfo } from '#domain/issuance.ts'
import type { Order, OrderChallenge } from '#domain/order.ts'

export {
  CERTIFICATE_AUTHORITY_NAMES,
  type CertificateAuthorityName,
} from '#domain/certificate-authority.ts'

/**
 * A CA seen from the lifecycle loop: RFC 8555 in small steps, so that each is recorded before the
 * next. Every call may be repeated after a crash; none keeps state of ours but what `Order` carries.
 * Knows nothing of hostname records.
 */
export interface Issuer {
  /** As `Order.ca` and `Certificate.ca` name it: stays the same for ever. */
  readonly name: string
  /** As people call it, in sentences: `Let's Encrypt`. */
  readonly title: string
  /** Its value of `certificate_authority` in the API; undefined where the API has none for it. */
  readonly apiName: CertificateAuthorityName | undefined
  /**
   * Whether it answers `findRenewalInfo`, as far as is known now: a CA says so with its first answer,
   * and until then it may.
   */
  readonly hasRenewalInfo: boolean
  /**
   * Issuer domain names with which CAA records permit it (RFC 8659 section 4.2, RFC 8555 section 9.7.6
   * `caaIdentities`); empty where CAA says nothing to it, as for a private CA.
   */
  listCaaIdentities(signal: AbortSignal): Promise<readonly string[]>
  /** Our account as CAA records name it (RFC 8657 section 3); undefined where there is none. */
  findAccountUri(signal: AbortSignal): Promise<string | undefined>
  /**
   * Opens an order for one chain (RFC 8555 section 7.4).
   *
   * @throws {IssuerError} `not-replaceable` where the CA does not take it for the replacement that it is
   *   to be, and no order was opened
   */
  openOrder(request: OrderRequest, signal: AbortSignal): Promise<Order>
  /**
   * Tells the CA to look at these challenges of the order (section 7.5.1): one of each name that is
   * still to be proved. Repeated after a crash it may name other types than before: what the CA looks
   * at already, or has seen, is left as it is.
   */
  beginValidation(
    order: Order,
    challenges: readonly OrderChallenge[],
    signal: AbortSignal,
  ): Promise<void>
  /** Asks how far the order is (sections 7.1.6 and 7.5.1). */
  checkOrder(order: Order, signal: AbortSignal): Promise<OrderProgress>
  /**
   * Sends the CSR (DER) and waits for the chain (section 7.4, 7.4.2). Repeated with the same CSR it
   * returns the same chain, or one for the same key.
   */
  finalize(order: Order, csr: Uint8Array, signal: AbortSignal): Promise<FinalizeProgress>
  /** When the CA wants the certificate renewed (RFC 9773); undefined where it does not say. */
  findRenewalInfo(chain: Chain, signal: AbortSignal): Promise<RenewalAnswer | undefined>
  /** Revokes a certificate of ours (section 7.6); one that is revoked already is left so. */
  revoke(chain: Chain, signal: AbortSignal): Promise<void>
}

/** `retryAfterMs`: not to be asked again before (RFC 9773 section 4.3). */
export interface RenewalAnswer extends RenewalInfo {
  retryAfterMs: number
}

export interface OrderRequest {
  hostname: Hostname
  /** Covers `*.hostname` too. */
  wildcard: boolean
  keyAlgorithm: KeyAlgorithm
  /** The chain that this order replaces at the same CA (RFC 9773 section 5). */
  replaces?: Chain
  /** URL of the order that the pack's other chain has: where the CA gives that one again it is `busy`. */
  siblingOrder?: string
}

export type OrderProgress =
  | { state: 'pending'; retryAfterMs: number }
  | { state: 'ready' }
  /**
   * The CA's problem in one sentence, as the API shows it. `fault`: whether it lies with the name (its
   * DNS, its web server, its CAA) or with the CA, so that another one may do it.
   */
  | { state: 'invalid'; problem: string; fault: 'name' | 'ca' }

export type FinalizeProgress =
  | { state: 'processing'; retryAfterMs: number }
  | { state: 'valid'; chain: Chain }

export type IssuerErrorKind =
  /** The CA cannot be reached, or answers with 5xx: the order is as it was. */
  | 'unavailable'
  /** The CA says wait; `retryAfterMs` says how long. */
  | 'rate-limited'
  /** The CA does another order of ours for the same name first. */
  | 'busy'
  /** The CA refuses this order or CSR for good. */
  | 'rejected'
  /** The CA does not believe, or cannot be told, which certificate the order replaces (RFC 9773). */
  | 'not-replaceable'
  /** The CA does not know the order (any more). */
  | 'unknown-order'

export interface IssuerErrorOptions extends ErrorOptions {
  retryAfterMs?: number | undefined
  problemType?: string | undefined
}

export class IssuerError extends Error {
  override readonly name = 'IssuerError'
  readonly kind: IssuerErrorKind
  readonly retryAfterMs: number | undefined
  /** The CA's own word for it (RFC 8555 section 6.7), such as `rejectedIdentifier`. */
  readonly problemType: string | undefined

  constructor(kind: IssuerErrorKind, message: string, options: IssuerErrorOptions = {}) {
    super(message, options)
    this.kind = kind
    this.retryAfterMs = options.retryAfterMs
    this.problemType = options.problemType
  }
}
