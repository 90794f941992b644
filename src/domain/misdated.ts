import type { CustomHostname } from './custom-hostname.ts'
import { issuanceDueAt, newIssuance, type Issuance } from './issuance.ts'
import type { ManagedChain } from './managed-chain.ts'
import type { Ownership } from './ownership.ts'
import { MOVED_RETENTION_MS } from './validation.ts'

/**
 * What a clock that was ahead wrote: it waits for an instant that no clock that was right would have
 * waited for, and would lie idle until then. Each state has a longest wait, so each record says of
 * itself when it can have been written at the earliest.
 */

const DAY_MS = 86_400_000
/** Clocks of several processes differ by less, and CAs date certificates back by less. */
const TOLERANCE_MS = DAY_MS
/** Back-offs end at four hours, limits are asked for again after six, and no CA is obeyed for more than a day. */
const LONGEST_RETRY_MS = DAY_MS
/** A renewal's turn is at most 15 days off, and may be held up by an outage for as long again. */
const LONGEST_TURN_MS = 45 * DAY_MS
/** Between two looks at a name whose certificates are its customer's own. */
const LONGEST_LOOK_MS = 1.25 * DAY_MS
/** Between two questions to the CA when to renew. */
const LONGEST_CHECK_MS = DAY_MS

/**
 * The earliest instant at which a clock that was right can have written the record; undefined where it
 * says nothing of that. A record is misdated while this lies ahead.
 */
export function earliestWriteOf(record: CustomHostname): number | undefined {
  if (record.removal) return undefined
  const instants = [earliestProofOf(record.ownership), ...record.chains.map(earliestStepOf)]
  const known = instants.filter((instant) => instant !== undefined)
  return known.length > 0 ? Math.max(...known) - TOLERANCE_MS : undefined
}

function earliestProofOf(ownership: Ownership): number | undefined {
  switch (ownership.state) {
    case 'pending':
      return ownership.nextAt - LONGEST_RETRY_MS
    case 'moved':
      return ownership.nextAt - MOVED_RETENTION_MS
    case 'verified':
      return Math.max(ownership.at, (ownership.look?.nextAt ?? -Infinity) - LONGEST_LOOK_MS)
    case 'deleted':
    case 'blocked':
      return undefined
    default:
      return ownership satisfies never
  }
}

function earliestStepOf({ issuance, certificate }: ManagedChain): number | undefined {
  const dueAt = issuanceDueAt(issuance)
  if (dueAt === undefined) return undefined
  if (issuance.state === 'issued') {
    // A CA that is not used any more is not asked: the renewal itself is within the certificate's life.
    const isCheck = issuance.renewalInfo !== undefined && dueAt < issuance.renewAt
    const checkedAt = isCheck ? dueAt - LONGEST_CHECK_MS : -Infinity
    return Math.max(checkedAt, certificate?.notBefore ?? -Infinity)
  }
  return dueAt - (turnOf(issuance) === undefined ? LONGEST_RETRY_MS : LONGEST_TURN_MS)
}

function turnOf(issuance: Issuance): number | undefined {
  return issuance.state === 'scheduled' ? issuance.turn : undefined
}

export interface MisdatedOptions {
  now: number
  /**
   * Certificates (ids) that were dated by a clock of ours that was ahead. What is not valid yet is
   * ordered anew only then: where our clock is behind, the next one would not be valid either.
   */
  datedAhead: ReadonlySet<string>
}

/** The record with all that is misdated due now; the same one where nothing is. */
export function withoutMisdates(record: CustomHostname, options: MisdatedOptions): CustomHostname {
  if ((earliestWriteOf(record) ?? -Infinity) <= options.now) return record
  const ownership = dueOwnership(record.ownership, options.now)
  const chains = record.chains.map((chain) => dueChain(chain, options))
  const isSame =
    ownership === record.ownership && chains.every((chain, at) => chain === record.chains[at])
  return isSame ? record : { ...record, ownership, chains }
}

function dueOwnership(ownership: Ownership, now: number): Ownership {
  if (!isAhead(earliestProofOf(ownership), now)) return ownership
  switch (ownership.state) {
    case 'pending':
      return { ...ownership, since: Math.min(ownership.since, now), nextAt: now }
    case 'moved':
      // Its seven days begin when we know the time.
      return { ...ownership, since: now, nextAt: now + MOVED_RETENTION_MS }
    case 'verified':
      // Who proves the name for another zone from now on has proved it later.
      return {
        ...ownership,
        at: Math.min(ownership.at, now),
        ...(ownership.look && { look: { ...ownership.look, nextAt: now } }),
      }
    default:
      return ownership
  }
}

function dueChain(chain: ManagedChain, { now, datedAhead }: MisdatedOptions): ManagedChain {
  const { issuance, certificate } = chain
  if (!isAhead(earliestStepOf(chain), now)) return chain
  switch (issuance.state) {
    case 'issued': {
      const isOfUse = !isAhead(certificate?.notBefore, now)
      if (isOfUse) return { ...chain, issuance: { ...issuance, nextAt: now } }
      const isOurs = datedAhead.has(issuance.certificateId)
      return isOurs ? { ...chain, issuance: newIssuance(now) } : chain
    }
    case 'scheduled': {
      const { turn: _, ...rest } = issuance
      return { ...chain, issuance: { ...rest, nextAt: now } }
    }
    case 'ordered':
    case 'validating':
    case 'finalizing':
      return { ...chain, issuance: { ...issuance, nextAt: now } }
    default:
      return chain
  }
}

function isAhead(instant: number | undefined, now: number): boolean {
  return instant !== undefined && instant - TOLERANCE_MS > now
}
