import { advance } from '#domain/advance-issuance.ts'
import type { KeyAlgorithm } from '#domain/certificate.ts'
import { chainOf, withNextSerial, type CustomHostname } from '#domain/custom-hostname.ts'
import { hasOpenOrder, orderOf, type Issuance, type IssuanceEvent } from '#domain/issuance.ts'
import type { ManagedChain } from '#domain/managed-chain.ts'
import { afterOwnLook, hasOwnRunOut, type OwnLook } from '#domain/own-certificates.ts'
import { advanceOwnership, ownLookDueAt, type OwnershipEvent } from '#domain/ownership.ts'
import { MAX_DCV_ATTEMPTS, SLOWEST_ATTEMPT, validationDelayMs } from '#domain/validation.ts'
import type { HostnameUpdate } from '#store/store.ts'

import { isReady } from './rival-orders.ts'
import type { Step, StepOutcome } from './step.ts'

export interface AppliedOutcome {
  keyAlgorithm: KeyAlgorithm
  outcome: StepOutcome
  now: number
  /** When the step was begun. @default `now` */
  begunAt?: number
}

/**
 * Applies what a step found to the newest record. Pure: it runs inside the store's transaction. An
 * outcome that came too late (the record was edited, is being removed) changes nothing.
 */
export function applyOutcome(
  record: CustomHostname,
  { keyAlgorithm, outcome, now, begunAt = now }: AppliedOutcome,
): HostnameUpdate | undefined {
  const chain = record.chains.find((one) => one.keyAlgorithm === keyAlgorithm)
  if (!chain || record.removal) return undefined
  if (outcome.kind === 'signed') return applySigned(record, chain, { outcome, now })
  const found = isReady(record) ? withoutWait(outcome.event, now) : outcome.event
  const next = goOnRenewing(chain, advance(chain.issuance, found, now), now)
  const issuance = asAsked(chain.issuance, next, begunAt)
  if (issuance === chain.issuance) return undefined
  return { record: replaceChain(withProvenMethod(record, chain, outcome), { ...chain, issuance }) }
}

/**
 * Whether the record still wants what the step was taken for. An edit in between asks for other names
 * or another CA, and begins anew: what comes of the old order would be taken for the new one's.
 */
export function isStillWanted(
  { record, chain }: Pick<Step, 'record' | 'chain'>,
  current: CustomHostname,
): boolean {
  const issuance = chainOf(current, chain.keyAlgorithm)?.issuance
  return (
    !current.removal &&
    issuance?.state === chain.issuance.state &&
    orderOf(issuance)?.url === orderOf(chain.issuance)?.url &&
    current.ssl?.packId === record.ssl?.packId &&
    current.ssl?.wildcard === record.ssl?.wildcard &&
    current.ssl?.certificateAuthority === record.ssl?.certificateAuthority
  )
}

/**
 * The chosen method governs the first issuance. A hostname that is served and renews over HTTP, because
 * its records are not there any more, is one of method `http` from then on (spec section 2.5).
 */
function withProvenMethod(
  record: CustomHostname,
  chain: ManagedChain,
  outcome: StepOutcome,
): CustomHostname {
  const { ssl } = record
  const isRenewedByHttp =
    outcome.kind === 'event' &&
    outcome.event.type === 'validation-begun' &&
    outcome.event.via === 'http-01' &&
    chain.certificate !== undefined
  return ssl?.method === 'txt' && isRenewedByHttp
    ? { ...record, ssl: { ...ssl, method: 'http' } }
    : record
}

/**
 * A customer who lost the way here may come back while the old certificate is still good: only what
 * has none is given up (spec section 2.5: attempts go on until the end). They go on as seldom as at
 * last, and are counted from where the back-off had grown to that.
 */
function goOnRenewing(chain: ManagedChain, next: Issuance, now: number): Issuance {
  const { issuance, certificate } = chain
  const isServed = certificate !== undefined && certificate.notAfter > now
  if (next.state !== 'timed_out' || next === issuance || !isServed) return next
  const nextAt = now + validationDelayMs(MAX_DCV_ATTEMPTS)
  const { problem } = next
  const failures = 'failures' in issuance ? issuance.failures + 1 : 1
  const attempts = issuance.state === 'ordered' && { attempts: SLOWEST_ATTEMPT }
  return { state: 'scheduled', nextAt, failures, problem, ...attempts }
}

/**
 * Who asked to try again while it was being tried asked because something changed: what was found is
 * shown, but does not put off the next try.
 */
function asAsked(before: Issuance, after: Issuance, begunAt: number): Issuance {
  if (after === before || !isTrying(before) || !isTrying(after)) return after
  return before.nextAt > begunAt ? { ...after, nextAt: before.nextAt } : after
}

/** The proof that it waits for was found while the step was under way. */
function withoutWait(event: IssuanceEvent, now: number): IssuanceEvent {
  return event.type === 'deferred' && event.awaitsProof ? { ...event, retryAt: now } : event
}

type TryingState = 'scheduled' | 'ordered' | 'validating' | 'finalizing'

function isTrying(issuance: Issuance): issuance is Extract<Issuance, { state: TryingState }> {
  return issuance.state === 'scheduled' || hasOpenOrder(issuance)
}

function applySigned(
  record: CustomHostname,
  chain: ManagedChain,
  { outcome, now }: { outcome: Extract<StepOutcome, { kind: 'signed' }>; now: number },
): HostnameUpdate | undefined {
  const { certificate, renewAt, checkAt } = outcome
  const { issuance } = chain
  if (issuance.state !== 'finalizing' || issuance.certificateId !== certificate.id) return undefined
  const next = withNextSerial(record, now)
  const { serial } = next.deployment
  const { id, notBefore, notAfter } = certificate
  const plan = { certificateId: id, serial, renewAt, ...(checkAt !== undefined && { checkAt }) }
  const signed: ManagedChain = {
    keyAlgorithm: chain.keyAlgorithm,
    certificate: { id, notBefore, notAfter },
    issuance: advance(issuance, { type: 'signed', ...plan }, now),
  }
  return {
    record: replaceChain(next, signed),
    addCertificates: [certificate],
    removeCertificates: chain.certificate ? [chain.certificate.id] : [],
  }
}

function replaceChain(record: CustomHostname, chain: ManagedChain): CustomHostname {
  const chains = record.chains.map((one) => (one.keyAlgorithm === chain.keyAlgorithm ? chain : one))
  return { ...record, chains }
}

/**
 * As `applyOutcome`, for ownership. What edges must know (proved, moved) gets the next serial; a
 * proof one that is not below the event's.
 */
export function applyOwnership(
  record: CustomHostname,
  event: OwnershipEvent,
  now: number,
): HostnameUpdate | undefined {
  if (record.removal) return undefined
  const next = withNextSerial(record, Math.max(now, event.type === 'proved' ? event.serial : 0))
  const stamped = event.type === 'proved' ? { ...event, serial: next.deployment.serial } : event
  const ownership = advanceOwnership(record.ownership, stamped, now)
  if (ownership === record.ownership) return undefined
  const isNews = ownership.state !== record.ownership.state
  const known = { ...(isNews ? next : record), ownership }
  const isHastened = event.type === 'proved' || event.type === 'restart'
  return { record: isHastened ? { ...known, chains: hasten(known.chains, now) } : known }
}

/** Whatever waits for this proof gets on at once. */
function hasten(chains: readonly ManagedChain[], now: number): ManagedChain[] {
  return chains.map((chain) => ({
    ...chain,
    issuance: advance(chain.issuance, { type: 'hastened' }, now),
  }))
}

/** As `applyOwnership`, for a look at a name whose certificates are its customer's own. */
export function applyOwnLook(record: CustomHostname, look: OwnLook): HostnameUpdate | undefined {
  // Edited or looked at meanwhile: it is not due any more.
  if (record.removal || (ownLookDueAt(record) ?? Infinity) > look.now) return undefined
  const [reason] = look.problems
  if (reason !== undefined && hasOwnRunOut(record, look)) {
    return applyOwnership(record, { type: 'moved-away', reason }, look.now)
  }
  return { record: afterOwnLook(record, look) }
}
