import type { Chain, KeyAlgorithm } from '#domain/certificate.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { Order } from '#domain/issuance.ts'

/**
 * A CA seen from the lifecycle loop: RFC 8555 in small steps, so that each is recorded before the
 * next. Every call may be repeated after a crash; none keeps state of ours but what `Order` carries.
 * Knows nothing of hostname records.
 */
export interface Issuer {
  /** As `Order.ca` names it. */
  readonly name: string
  /** Opens an order for one chain (RFC 8555 section 7.4). */
  openOrder(request: OrderRequest, signal: AbortSignal): Promise<Order>
  /** Tells the CA to look at the challenges (section 7.5.1). */
  beginValidation(order: Order, signal: AbortSignal): Promise<void>
  /** Asks how far the order is (sections 7.1.6 and 7.5.1). */
  checkOrder(order: Order, signal: AbortSignal): Promise<OrderProgress>
  /**
   * Sends the CSR (DER) and waits for the chain (section 7.4, 7.4.2). Repeated with the same CSR it
   * returns the same chain, or one for the same key.
   */
  finalize(order: Order, csr: Uint8Array, signal: AbortSignal): Promise<FinalizeProgress>
}

export interface OrderRequest {
  hostname: Hostname
  /** Covers `*.hostname` too. */
  wildcard: boolean
  keyAlgorithm: KeyAlgorithm
}

export type OrderProgress =
  | { state: 'pending'; retryAfterMs: number }
  | { state: 'ready' }
  /** The CA's problem in one sentence, as the API shows it. */
  | { state: 'invalid'; problem: string }

export type FinalizeProgress =
  | { state: 'processing'; retryAfterMs: number }
  | { state: 'valid'; chain: Chain }

export type IssuerErrorKind =
  /** The CA cannot be reached, or answers with 5xx: the order is as it was. */
  | 'unavailable'
  /** The CA says wait; `retryAfterMs` says how long. */
  | 'rate-limited'
  /** The CA refuses this order or CSR for good. */
  | 'rejected'
  /** The CA does not know the order (any more). */
  | 'unknown-order'

export class IssuerError extends Error {
  override readonly name = 'IssuerError'
  readonly kind: IssuerErrorKind
  readonly retryAfterMs: number | undefined

  constructor(
    kind: IssuerErrorKind,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number } = {},
  ) {
    super(message, options)
    this.kind = kind
    this.retryAfterMs = options.retryAfterMs
  }
}
