import type { CaLimit } from '#domain/ca-limits.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { Exemption } from '#domain/order.ts'

/**
 * What CAs allow us: asked before each order and before each validation, told of what came of that and
 * of each "too many requests". One for all control processes, which never exceed a limit together. Knows
 * nothing of hostname records, nor of ACME.
 */
export interface Budget {
  /** Takes one order out of every limit that it counts for, or out of none. */
  take(request: PlannedOrder): Promise<Grant>
  /**
   * An order that was granted is over and the CA cannot have signed anything for it: CAs count the
   * certificates that they issue. To be called once for an order; lifecycle/dropped-orders.ts sees to it.
   */
  giveBack(order: TakenOrder): Promise<void>
  /** Whether one more failed validation of the name would be allowed; asked before the CA looks. */
  mayValidate(request: Pick<PlannedOrder, 'ca' | 'hostname' | 'priority'>): Promise<Grant>
  noteFailedValidation(failure: Pick<PlannedOrder, 'ca' | 'hostname'>): Promise<void>
  /** The CA has seen the name proved: what failed before is forgiven. */
  noteValidation(success: Pick<PlannedOrder, 'ca' | 'hostname'>): Promise<void>
  /**
   * The CA said "too many requests" (429, or the problem `rateLimited`).
   *
   * @returns until when nothing is granted for this name: as long as the CA wants
   */
  noteLimited(refusal: Refusal): Promise<number>
}

export interface TakenOrder extends Pick<PlannedOrder, 'ca' | 'names' | 'exemption'> {
  /** When it was granted, or before. */
  takenAt: number
}

export interface PlannedOrder {
  /** As `Order.ca` names it. */
  ca: string
  hostname: Hostname
  /** All names of the certificate, wildcards too. */
  names: readonly string[]
  /** Zones share what there is (fair-shares.ts). */
  zoneId: string
  /** Whether the name is known to lead here, or to be its zone's: others are served after it. */
  isReady: boolean
  priority: Priority
  exemption: Exemption
}

/**
 * Where not all can be served: what is about to end goes first and may use the last token, then what
 * is new, then what failed.
 */
export type Priority = 'expiring' | 'new' | 'retry'

export interface Refusal {
  ca: string
  /** What the order was for. */
  hostname: Hostname
  names: readonly string[]
  /** As the CA said; undefined: it did not. */
  retryAfterMs: number | undefined
  /** In the CA's words. */
  problem: string
}

export type Grant =
  | { granted: true }
  | {
      granted: false
      /** When its turn will be, by what is known now. */
      until: number
      /** When to ask again: at `until`, or earlier where that is far and much may change. */
      askAgainAt: number
      limit: LimitName
      /** Which limit, and until when, as the API shows it. */
      sentence: string
    }

/** Those of a zone are shares of our own: no CA has such limits, they leave something to other zones. */
export type LimitName = CaLimit | 'retry_after' | 'zone_orders' | 'zone_first_orders'
