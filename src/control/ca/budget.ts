import type { CaLimit } from '#domain/ca-limits.ts'
import type { Hostname } from '#domain/hostname.ts'

/**
 * What CAs allow us: asked before each order and before each validation, told of each failure and of
 * each "too many requests". One for all control processes, which never exceed a limit together. Knows
 * nothing of hostname records, nor of ACME.
 */
export interface Budget {
  /** Takes one order out of every limit that it counts for, or out of none. */
  take(request: PlannedOrder): Promise<Grant>
  /** An order that was granted ended without a certificate: CAs count certificates that they issue. */
  giveBack(request: Pick<PlannedOrder, 'ca' | 'names' | 'exemption'>): Promise<void>
  /** Whether one more failed validation of the name would be allowed; asked before the CA looks. */
  mayValidate(request: Pick<PlannedOrder, 'ca' | 'hostname' | 'priority'>): Promise<Grant>
  noteFailedValidation(failure: Pick<PlannedOrder, 'ca' | 'hostname'>): Promise<void>
  /** The CA said "too many requests" (429, or the problem `rateLimited`). */
  noteLimited(refusal: Refusal): Promise<void>
}

export interface PlannedOrder {
  /** As `Order.ca` names it. */
  ca: string
  hostname: Hostname
  /** All names of the certificate, wildcards too. */
  names: readonly string[]
  priority: Priority
  exemption: Exemption
}

/**
 * Where not all can be served: what is about to end goes first and may use the last token, then what
 * is new, then what failed.
 */
export type Priority = 'expiring' | 'new' | 'retry'

/**
 * Renewals count for fewer limits: `renewal`, the same names as a certificate that there is; `ari`, and
 * the CA is told which one it replaces (RFC 9773).
 */
export type Exemption = 'none' | 'renewal' | 'ari'

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
      /** Whose turn it will be by what is known now. */
      until: number
      /** When to ask again: at `until`, or earlier where that is far and much may change. */
      askAgainAt: number
      limit: LimitName
      /** Which limit, and until when, as the API shows it. */
      sentence: string
    }

export type LimitName = CaLimit | 'retry_after'
