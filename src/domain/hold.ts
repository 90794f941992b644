import { parentOf, type Hostname } from './hostname.ts'
import type { OwnershipEvent } from './ownership.ts'

/**
 * Somebody's wish that no zone activates custom hostnames at a domain, or below it (spec sections 2.1
 * and 3.6). What is there already is blocked; a release revives nothing by itself, an edit does.
 */
export interface Hold {
  domain: Hostname
  /** For operators; whoever has a blocked hostname is told only that it is held. */
  reason: string | undefined
  includeSubdomains: boolean
  createdAt: number
  /** When it was last put, or removed; grows with each time. */
  updatedAt: number
  /** Since when all that was there is blocked; undefined while that is under way. */
  enforcedAt: number | undefined
  /** Who did that: the name of an API token. */
  by: string
  /** Set: it holds nothing any more, but not all who must know of that do. */
  removedAt: number | undefined
}

export type NewHold = Pick<Hold, 'domain' | 'reason' | 'includeSubdomains'>

/** What becomes of a hostname under a hold, in the words of the specification. */
export const HELD = {
  type: 'blocked',
  reason:
    'The hostname is associated with a held zone. Please contact the owner of this domain to have the hold removed.',
} as const satisfies OwnershipEvent

/**
 * The domains a hold of which may cover the name: itself, then each parent, the nearest first. Those
 * of public suffixes among them do no harm: none can be held.
 */
export function listHoldableDomains(hostname: Hostname): Hostname[] {
  const parent = parentOf(hostname)
  return parent === undefined ? [hostname] : [hostname, ...listHoldableDomains(parent)]
}
