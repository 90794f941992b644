import type { Hostname } from '#domain/hostname.ts'

/**
 * What the CAs allow us, kept by all control processes together (`Ledger`) and asked before the CA is,
 * so that no limit is ever exceeded by our doing.
 */
export interface Budget {
  /** Takes one order out of every limit that it counts for, or out of none. */
  take(order: PlannedOrder): Promise<Grant>
  /** An order that was granted ended without a certificate. */
  giveBack(order: Pick<PlannedOrder, 'ca' | 'names' | 'exemption'>): Promise<void>
  /** Whether one more failed validation of the name would be allowed. */
  mayValidate(validation: Pick<PlannedOrder, 'ca' | 'hostname' | 'priority'>): Promise<Grant>
  noteFailedValidation(validation: Pick<PlannedOrder, 'ca' | 'hostname'>): Promise<void>
  /** The CA said that we asked too much. `retryAfterMs`: undefined where it did not say until when. */
  noteLimited(limited: {
    ca: string
    hostname: Hostname
    names: readonly string[]
    retryAfterMs: number | undefined
    problem: string
  }): Promise<void>
}

export interface PlannedOrder {
  ca: string
  hostname: Hostname
  /** All names of the certificate. */
  names: readonly string[]
  priority: Priority
  exemption: Exemption
}

/** Where not all can be served: what is about to end goes first, then what is new, then what failed. */
export type Priority = 'expiring' | 'new' | 'retry'

/** Renewals of the same names count for fewer limits, those that a CA is told of for none (RFC 9773). */
export type Exemption = 'none' | 'renewal' | 'ari'

export type Grant =
  | { granted: true }
  /** `sentence`: which limit, and until when, as the API shows it; to be asked again at `askAgainAt`. */
  | { granted: false; askAgainAt: number; sentence: string }

/** For CAs without limits. */
export const UNLIMITED: Budget = {
  take: async () => ({ granted: true }),
  giveBack: async () => {},
  mayValidate: async () => ({ granted: true }),
  noteFailedValidation: async () => {},
  noteLimited: async () => {},
}
