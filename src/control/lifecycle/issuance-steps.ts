import type { Certificate } from '#domain/certificate.ts'
import { renewalDueAt } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import {
  hasOpenOrder,
  type Issuance,
  type IssuanceEvent,
  type ManagedChain,
  type Order,
} from '#domain/issuance.ts'
import { backoffMs } from '#lib/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { Sealer } from '#lib/sealing.ts'

import { IssuerError, type Issuer } from '../ca/issuer.ts'
import type { Issuers } from '../ca/issuers.ts'
import type { Inspector } from './inspector.ts'
import type { KeyMaker } from './key-maker.ts'

/**
 * One step of one chain: looks at the state, does the one thing that is due, says what happened.
 * Nothing is written here: the outcome is applied to the newest record (`applyOutcome`), so every
 * step may be cut off at any point and repeated.
 */
export type StepOutcome =
  | { kind: 'event'; event: IssuanceEvent }
  | { kind: 'signed'; certificate: Certificate; renewAt: number }

export interface StepDependencies {
  issuers: Issuers
  inspector: Inspector
  keyMaker: KeyMaker
  sealer: Sealer
  clock: Clock
  random: Random
  /** Makes the edges answer the record's challenges. */
  putAnswers(record: CustomHostname): Promise<void>
}

export interface Step {
  record: CustomHostname
  chain: ManagedChain
  signal: AbortSignal
}

type StateOf<State extends Issuance['state']> = Extract<Issuance, { state: State }>

/** Retry of an order that failed: a minute, then longer, at most four hours. */
const ORDER_BACKOFF = { firstMs: 60_000, maxMs: 4 * 3_600_000, factor: 3 }
/** Retry while the CA is away. */
const OUTAGE_BACKOFF = { firstMs: 5_000, maxMs: 15 * 60_000 }

/** @returns undefined where nothing is due */
export async function takeStep(
  step: Step,
  deps: StepDependencies,
): Promise<StepOutcome | undefined> {
  const { issuance } = step.chain
  try {
    switch (issuance.state) {
      case 'scheduled':
      case 'issued':
        return await order(step, deps)
      case 'ordered':
        return await prove(issuance, step, deps)
      case 'validating':
        return await awaitValidation(issuance, step, deps)
      case 'finalizing':
        return await finalize(issuance, step, deps)
      case 'deploying':
      case 'uploaded':
      case 'timed_out':
        return undefined
      default:
        return issuance satisfies never
    }
  } catch (error) {
    if (error instanceof IssuerError) return event(afterIssuerError(error, issuance, deps))
    throw error
  }
}

async function order(
  { record, chain, signal }: Step,
  deps: StepDependencies,
): Promise<StepOutcome | undefined> {
  const request = {
    hostname: record.hostname,
    wildcard: record.ssl?.wildcard ?? false,
    keyAlgorithm: chain.keyAlgorithm,
  }
  const certificateAuthority = record.ssl?.certificateAuthority
  const [issuer] = deps.issuers.listCandidates({ certificateAuthority })
  if (!issuer) return undefined
  return event({ type: 'order-opened', order: await issuer.openOrder(request, signal) })
}

/** The CA that has the order. @throws {IssuerError} `unknown-order` where the settings lack it now */
function issuerOf({ ca }: Order, { issuers }: StepDependencies): Issuer {
  const issuer = issuers.find(ca)
  if (issuer) return issuer
  throw new IssuerError('unknown-order', 'The order was opened at a CA that is not used any more.')
}

/** Looks whether the CA would see the answers; only then tells it to look. */
async function prove(
  { order, failures }: StateOf<'ordered'>,
  step: Step,
  deps: StepDependencies,
): Promise<StepOutcome> {
  const { record, signal } = step
  const now = deps.clock.now()
  if (order.expiresAt <= now) return event({ type: 'order-expired' })
  if (order.challenges.length === 0) {
    const progress = await issuerOf(order, deps).checkOrder(order, signal)
    if (progress.state === 'ready') return authorize(step, deps)
    const problem =
      progress.state === 'invalid' ? progress.problem : 'The CA wants the name proved again.'
    return event({ type: 'failed', problem, retryAt: now + retryDelay(failures, deps) })
  }
  await deps.putAnswers(record)
  const challenges = order.challenges.filter(({ type }) => type === 'http-01')
  for (const challenge of challenges) {
    const finding = await deps.inspector.inspectChallenge(challenge, signal)
    if (!finding.isReady) return event({ type: 'not-ready', problem: finding.problem })
  }
  await issuerOf(order, deps).beginValidation(order, challenges, signal)
  return event({ type: 'validation-begun' })
}

async function awaitValidation(
  { order, failures }: StateOf<'validating'>,
  step: Step,
  deps: StepDependencies,
): Promise<StepOutcome> {
  const now = deps.clock.now()
  const progress = await issuerOf(order, deps).checkOrder(order, step.signal)
  switch (progress.state) {
    case 'pending':
      return event({ type: 'still-waiting', retryAt: now + progress.retryAfterMs })
    case 'invalid': {
      const retryAt = now + retryDelay(failures, deps)
      return event({ type: 'failed', problem: progress.problem, retryAt })
    }
    case 'ready':
      return authorize(step, deps)
    default:
      return progress satisfies never
  }
}

/** The key is made only now, and stored sealed before the CA sees a CSR for it. */
async function authorize({ chain }: Step, deps: StepDependencies): Promise<StepOutcome> {
  const certificateId = deps.random.uuid()
  const privateKey = await deps.keyMaker.generate(chain.keyAlgorithm)
  const sealedKey = Buffer.from(deps.sealer.seal(privateKey, certificateId)).toString('base64')
  return event({ type: 'authorized', certificateId, sealedKey })
}

async function finalize(
  { order, certificateId, sealedKey }: StateOf<'finalizing'>,
  { record, chain, signal }: Step,
  deps: StepDependencies,
): Promise<StepOutcome> {
  const { keyAlgorithm } = chain
  const sealed = Buffer.from(sealedKey, 'base64')
  const privateKey = deps.sealer.open(sealed, certificateId)
  const names = record.ssl?.wildcard ? [record.hostname, `*.${record.hostname}`] : [record.hostname]
  const csr = await deps.keyMaker.createCsr({ privateKey, keyAlgorithm, names })
  const progress = await issuerOf(order, deps).finalize(order, csr, signal)
  const now = deps.clock.now()
  if (progress.state === 'processing') {
    return event({ type: 'still-waiting', retryAt: now + progress.retryAfterMs })
  }
  const description = deps.keyMaker.describe({ chain: progress.chain, privateKey, names })
  const certificate: Certificate = {
    ...description,
    id: certificateId,
    hostnameId: record.id,
    ca: order.ca,
    keyAlgorithm,
    chain: progress.chain,
    sealedKey: sealed,
    createdAt: now,
  }
  return { kind: 'signed', certificate, renewAt: renewalDueAt(certificate, deps.random.fraction()) }
}

/** What an error of the CA means for the order. */
function afterIssuerError(
  error: IssuerError,
  issuance: Issuance,
  deps: StepDependencies,
): IssuanceEvent {
  const now = deps.clock.now()
  const failures = 'failures' in issuance ? issuance.failures : 0
  const problem = error.message
  switch (error.kind) {
    case 'unknown-order': {
      // At once, but not for ever: a CA may forget each order as soon as it is opened.
      const delay = failures === 0 ? 0 : retryDelay(failures, deps)
      return { type: 'failed', problem, retryAt: now + delay }
    }
    case 'rejected':
      return { type: 'failed', problem, retryAt: now + retryDelay(failures, deps) }
    case 'rate-limited':
    case 'unavailable': {
      const delay =
        error.retryAfterMs ?? backoffMs(failures + 1, deps.random.fraction(), OUTAGE_BACKOFF)
      // The customer may have placed the token already: an order is not given up for an outage.
      if (hasOpenOrder(issuance)) return { type: 'still-waiting', retryAt: now + delay }
      return { type: 'failed', problem, retryAt: now + delay }
    }
    default:
      return error.kind satisfies never
  }
}

function retryDelay(failures: number, deps: StepDependencies): number {
  return backoffMs(failures + 1, deps.random.fraction(), ORDER_BACKOFF)
}

function event(event: IssuanceEvent): StepOutcome {
  return { kind: 'event', event }
}
