import type { Hostname } from '#domain/hostname.ts'

/**
 * What the CAs allow us (RFC 8555 section 6.6), kept by all control processes together and asked before
 * the CA is, so that no limit is ever exceeded by our doing.
 */
export interface Budget {
  /** Takes one order out of every limit that it counts for, or out of none. */
  take(order: PlannedOrder): Promise<Grant>
  /** Whether one more failed validation of the name would be allowed. */
  mayValidate(validation: PlannedValidation): Promise<Grant>
  noteFailedValidation(validation: { ca: string; hostname: Hostname }): Promise<void>
  /** The CA said that we asked too much. */
  noteLimited(limited: { ca: string; retryAfterMs: number; problem: string }): Promise<void>
}

export interface PlannedOrder {
  ca: string
  hostname: Hostname
  /** All names of the certificate. */
  names: readonly string[]
  priority: Priority
  /** Renewals of the same names count for fewer limits, those that the CA asked for for none. */
  exemption: 'none' | 'renewal' | 'ari'
}

export interface PlannedValidation {
  ca: string
  hostname: Hostname
  priority: Priority
}

/** Where not all can be served: what is about to end goes first, then what is new, then what failed. */
export type Priority = 'expiring' | 'new' | 'retry'

export type Grant =
  | { granted: true }
  /** `sentence`: which limit, and until when, as the API shows it. */
  | { granted: false; until: number; sentence: string }

/** For CAs without limits. */
export const UNLIMITED: Budget = {
  take: async () => ({ granted: true }),
  mayValidate: async () => ({ granted: true }),
  noteFailedValidation: async () => {},
  noteLimited: async () => {},
}
