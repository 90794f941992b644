import type { KeyAlgorithm } from './certificate.ts'
import { MAX_DCV_ATTEMPTS, validationDelayMs } from './validation.ts'

/**
 * The issuance of one chain of a certificate pack, from due to deployed, and again at renewal:
 *
 *     scheduled ─► ordered ─► validating ─► finalizing ─► deploying ─► issued
 *         ▲           │            │             │                       │ due
 *         └───────────┴── failed ──┴─────────────┘ ◄─────────────────────┘
 *
 * A new hostname and a due renewal go through the same door: `order-opened` from `scheduled` or
 * `issued`. Every waiting state carries `nextAt` (when to act; in `deploying` the deadline) and
 * `failures` (orders failed since the last success).
 */
export type Issuance =
  /** To be ordered at `nextAt`. `attempts`: looks at the challenges of an order that expired. */
  | {
      state: 'scheduled'
      nextAt: number
      failures: number
      attempts?: number
      problem?: string
    }
  /** The challenges are shown and answered; we look whether the CA would see them. */
  | {
      state: 'ordered'
      order: Order
      since: number
      attempts: number
      nextAt: number
      failures: number
      problem?: string
    }
  /** The CA was told to look. */
  | { state: 'validating'; order: Order; since: number; nextAt: number; failures: number }
  /** Authorized. The key exists (sealed, context: `certificateId`); the CA is to sign. */
  | {
      state: 'finalizing'
      order: Order
      since: number
      nextAt: number
      failures: number
      certificateId: string
      /** Base64. */
      sealedKey: string
    }
  /** Stored; the publication `serial` carries it to the edges. Overdue at `nextAt`. */
  | {
      state: 'deploying'
      certificateId: string
      serial: number
      renewAt: number
      nextAt: number
      failures: number
    }
  /** Served everywhere; renewal is due at `nextAt`. */
  | { state: 'issued'; certificateId: string; nextAt: number; failures: number }
  /** Given up until someone asks again. */
  | { state: 'timed_out'; phase: IssuancePhase; since: number; problem: string }

export type IssuancePhase = 'initializing' | 'validation' | 'issuance' | 'deployment'

/** An order at a CA: what the CA calls it and what it wants to see. */
export interface Order {
  /** Name of the issuer that has it. */
  ca: string
  /** The CA's own address of the order. */
  url: string
  /** What is still to be proved; empty where the CA reuses an authorization. */
  challenges: readonly OrderChallenge[]
  /** The CA forgets the order then. */
  expiresAt: number
}

export interface OrderChallenge {
  type: 'http-01' | 'dns-01' | 'tls-alpn-01'
  /** The name to be proved. */
  identifier: string
  url: string
  token: string
  /** RFC 8555 section 8.1. */
  keyAuthorization: string
}

export type IssuanceEvent =
  | { type: 'order-opened'; order: Order }
  /** Our own look showed that the CA would not accept it yet. */
  | { type: 'not-ready'; problem: string }
  | { type: 'validation-begun' }
  /** The CA is still at it, or away: the order is as it was. */
  | { type: 'still-waiting'; retryAt: number }
  | { type: 'authorized'; certificateId: string; sealedKey: string }
  | { type: 'signed'; certificateId: string; serial: number; renewAt: number }
  | { type: 'deployed' }
  /** The CA forgot the order before its challenges were answered: the next shows new ones. */
  | { type: 'order-expired' }
  /** The order is lost, whatever the reason; a new one at `retryAt`. */
  | { type: 'failed'; problem: string; retryAt: number }
  /** The caller asks to try again now. */
  | { type: 'restart' }

/** Edges that have not applied a change by then are reported as `deployment_timed_out`. */
export const DEPLOYMENT_DEADLINE_MS = 30 * 60_000

export function newIssuance(now: number): Issuance {
  return { state: 'scheduled', nextAt: now, failures: 0 }
}

/** Pure and total: an event that has no meaning in a state (a late answer) leaves it as it is. */
export function advance(issuance: Issuance, event: IssuanceEvent, now: number): Issuance {
  switch (event.type) {
    case 'order-opened':
      return openOrder(issuance, event.order, now)
    case 'not-ready':
      return issuance.state === 'ordered' ? retryValidation(issuance, event.problem, now) : issuance
    case 'validation-begun':
      if (issuance.state !== 'ordered') return issuance
      return { ...pick(issuance), state: 'validating', nextAt: now }
    case 'still-waiting':
      return hasOpenOrder(issuance) ? { ...issuance, nextAt: event.retryAt } : issuance
    case 'authorized':
      if (issuance.state !== 'ordered' && issuance.state !== 'validating') return issuance
      return {
        ...pick(issuance),
        state: 'finalizing',
        nextAt: now,
        certificateId: event.certificateId,
        sealedKey: event.sealedKey,
      }
    case 'signed':
      return issuance.state === 'finalizing' ? deploy(event, now) : issuance
    case 'deployed':
      return isDeployable(issuance) ? settle(issuance) : issuance
    case 'order-expired':
      return issuance.state === 'ordered' ? reorder(issuance, now) : issuance
    case 'failed':
      return fail(issuance, event)
    case 'restart':
      return restart(issuance, now)
    default:
      return event satisfies never
  }
}

/** Whether an order that this issuance has is of any use at `now`. */
export function hasOpenOrder(
  issuance: Issuance,
): issuance is Extract<Issuance, { state: 'ordered' | 'validating' | 'finalizing' }> {
  return ['ordered', 'validating', 'finalizing'].includes(issuance.state)
}

/** When to act on it next; undefined where only an event from outside moves it. */
export function issuanceDueAt(issuance: Issuance): number | undefined {
  switch (issuance.state) {
    case 'deploying':
    case 'timed_out':
      return undefined
    default:
      return issuance.nextAt
  }
}

type Opened = Extract<Issuance, { state: 'ordered' | 'validating' }>
type Ordered = Extract<Issuance, { state: 'ordered' }>
type Deploying = Extract<Issuance, { state: 'deploying' }>

function pick({ order, since, failures }: Opened): Pick<Opened, 'order' | 'since' | 'failures'> {
  return { order, since, failures }
}

function openOrder(issuance: Issuance, order: Order, now: number): Issuance {
  if (issuance.state !== 'scheduled' && issuance.state !== 'issued') return issuance
  const { failures } = issuance
  const attempts = issuance.state === 'scheduled' ? (issuance.attempts ?? 0) : 0
  return { state: 'ordered', order, since: now, attempts, nextAt: now, failures }
}

/** Neither the back-off nor the time-out begins anew with new tokens. */
function reorder({ failures, attempts, problem }: Ordered, now: number): Issuance {
  return { state: 'scheduled', nextAt: now, failures, attempts, ...(problem && { problem }) }
}

function retryValidation(ordered: Ordered, problem: string, now: number): Issuance {
  const attempts = ordered.attempts + 1
  if (attempts >= MAX_DCV_ATTEMPTS) {
    return { state: 'timed_out', phase: 'validation', since: now, problem }
  }
  return { ...ordered, attempts, problem, nextAt: now + validationDelayMs(ordered.attempts) }
}

function deploy(event: Extract<IssuanceEvent, { type: 'signed' }>, now: number): Issuance {
  const { certificateId, serial, renewAt } = event
  const nextAt = now + DEPLOYMENT_DEADLINE_MS
  return { state: 'deploying', certificateId, serial, renewAt, nextAt, failures: 0 }
}

function isDeployable(issuance: Issuance): issuance is Deploying {
  return issuance.state === 'deploying'
}

function settle({ certificateId, renewAt }: Deploying): Issuance {
  return { state: 'issued', certificateId, nextAt: renewAt, failures: 0 }
}

function fail(issuance: Issuance, event: Extract<IssuanceEvent, { type: 'failed' }>): Issuance {
  if (issuance.state === 'deploying' || issuance.state === 'timed_out') return issuance
  const { problem, retryAt } = event
  return { state: 'scheduled', nextAt: retryAt, failures: issuance.failures + 1, problem }
}

function restart(issuance: Issuance, now: number): Issuance {
  switch (issuance.state) {
    case 'ordered':
      return { ...issuance, attempts: 0, nextAt: now }
    case 'scheduled':
      return { ...issuance, nextAt: now, ...(issuance.attempts && { attempts: 0 }) }
    case 'timed_out':
      return newIssuance(now)
    default:
      return issuance
  }
}

/** A chain of a pack: what is served now, and the way of the next one. */
export interface ManagedChain {
  keyAlgorithm: KeyAlgorithm
  /** The newest certificate that is stored for this chain and not yet expired when it was stored. */
  certificate: CertificateRef | undefined
  issuance: Issuance
}

export interface CertificateRef {
  id: string
  notBefore: number
  notAfter: number
}
