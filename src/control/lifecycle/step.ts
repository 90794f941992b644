import type { Certificate } from '#domain/certificate.ts'
import { chainOf, type CustomHostname } from '#domain/custom-hostname.ts'
import type { IssuanceEvent } from '#domain/issuance.ts'
import type { ManagedChain } from '#domain/managed-chain.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { Sealer } from '#lib/sealing.ts'

import type { Budget, Priority } from '../ca/budget.ts'
import type { Issuers } from '../ca/issuers.ts'
import type { KeyMaker } from '../ca/key-maker.ts'
import type { Inspector } from './inspector.ts'
import type { Outages } from './outages.ts'
import type { RenewalPace } from './renewal-pace.ts'

/**
 * What one step of one chain found. Nothing is written by the step itself: the outcome is applied to
 * the newest record (`applyOutcome`), so every step may be cut off at any point and repeated.
 */
export type StepOutcome =
  | { kind: 'event'; event: IssuanceEvent }
  | { kind: 'signed'; certificate: Certificate; renewAt: number; checkAt?: number }

export interface StepDependencies {
  issuers: Issuers
  budget: Budget
  pace: RenewalPace
  outages: Outages
  inspector: Inspector
  keyMaker: KeyMaker
  sealer: Sealer
  clock: Clock
  random: Random
  /** Makes the edges answer the record's challenges. */
  putAnswers(record: CustomHostname): Promise<void>
  findCertificate(id: string): Promise<Certificate | undefined>
  /** Whether its customer lets us answer its DNS challenges. Rejects only with `signal.reason`. */
  isDelegated(record: CustomHostname, signal: AbortSignal): Promise<boolean>
  /** Whether the edges serve the name for another zone (`rivalTargetsOf`). */
  isServedElsewhere(record: CustomHostname): Promise<boolean>
}

export interface Step {
  record: CustomHostname
  chain: ManagedChain
  signal: AbortSignal
}

export function event(event: IssuanceEvent): StepOutcome {
  return { kind: 'event', event }
}

/** All names of the certificate, the hostname first. */
export function namesOf({ hostname, ssl }: CustomHostname): string[] {
  return ssl?.wildcard ? [hostname, `*.${hostname}`] : [hostname]
}

/** Whether another certificate takes over from one that is served. */
export function isRenewal({ record, chain }: Step): boolean {
  return chainOf(record, chain.keyAlgorithm)?.certificate !== undefined
}

export function priorityOf(step: Step): Priority {
  if (isRenewal(step)) return 'expiring'
  const { issuance } = step.chain
  return 'failures' in issuance && issuance.failures > 0 ? 'retry' : 'new'
}
