import type { Chain } from '#domain/certificate.ts'
import type { Order } from '#domain/issuance.ts'
import { validationDelayMs } from '#domain/validation.ts'

import { IssuerError, type Issuer } from '../ca/issuer.ts'
import type { Exemption } from './budget.ts'
import type { PermissionFinding } from './inspector.ts'
import { orderDelayMs, outageDelayMs, waitSentence } from './retry-delays.ts'
import {
  event,
  namesOf,
  priorityOf,
  type Step,
  type StepDependencies,
  type StepOutcome,
} from './step.ts'

/** Why a CA has no order of ours now, and when it may be asked again. */
interface Refusal {
  kind: 'forbidden' | 'limited' | 'failed'
  problem: string
  retryAt: number
}

/** The customer's CAA records choose among the CAs; a DNS that is slower than this chooses nothing. */
const PERMISSION_MS = 1_000

/**
 * Opens an order at the first CA, in order of preference, that the name's CAA records permit, whose
 * limits leave room, and that takes it. What none of them took is tried again when the first of them
 * may.
 */
export async function openOrder(step: Step, deps: StepDependencies): Promise<StepOutcome> {
  const refusals: Refusal[] = []
  for (const issuer of listCandidates(step, deps)) {
    const answer = await askOne(issuer, step, deps)
    if ('url' in answer) return event({ type: 'order-opened', order: answer })
    refusals.push(answer)
    step.signal.throwIfAborted()
  }
  return summarise(refusals)
}

/** Whether there is a CA besides `ca` that may be asked for the name. */
export function hasAlternative(ca: string, step: Step, deps: StepDependencies): boolean {
  return listCandidates(step, deps).some(({ name }) => name !== ca)
}

/** Those that do not answer at present come last, but they come. */
function listCandidates(
  { record, chain }: Step,
  { issuers, outages }: StepDependencies,
): readonly Issuer[] {
  const { issuance } = chain
  const avoid = 'avoid' in issuance ? issuance.avoid : undefined
  const certificateAuthority = record.ssl?.certificateAuthority
  const candidates = issuers.listCandidates({ certificateAuthority, ...(avoid && { avoid }) })
  const isAway = ({ name }: Issuer): boolean => outages.isAway(name)
  return [...candidates.filter((one) => !isAway(one)), ...candidates.filter(isAway)]
}

async function askOne(
  issuer: Issuer,
  step: Step,
  deps: StepDependencies,
): Promise<Order | Refusal> {
  const { record, chain, signal } = step
  try {
    const permission = await findPermission(issuer, step, deps)
    if (!permission.isPermitted && permission.reason === 'caa') {
      return refusalByCaa(permission.problem, step, deps)
    }
    const replaces = await findReplaced(issuer, step, deps)
    const grant = await deps.budget.take({
      ca: issuer.name,
      hostname: record.hostname,
      names: namesOf(record),
      priority: priorityOf(step),
      exemption: await exemptionOf(issuer, step, deps),
    })
    if (!grant.granted) {
      return { kind: 'limited', problem: grant.sentence, retryAt: grant.askAgainAt }
    }
    const order = await issuer.openOrder(
      {
        hostname: record.hostname,
        wildcard: record.ssl?.wildcard ?? false,
        keyAlgorithm: chain.keyAlgorithm,
        ...(replaces && { replaces }),
      },
      signal,
    )
    deps.outages.clear(issuer.name)
    return order
  } catch (error) {
    if (error instanceof IssuerError) return refusalOf(error, { issuer, step, deps })
    throw error
  }
}

async function findPermission(
  issuer: Issuer,
  { record, signal }: Step,
  { inspector, clock }: StepDependencies,
): Promise<PermissionFinding> {
  const caaIdentities = await issuer.listCaaIdentities(signal)
  if (caaIdentities.length === 0) return { isPermitted: true }
  const patience = new AbortController()
  const timer = clock.after(PERMISSION_MS, () => patience.abort())
  const question = {
    hostname: record.hostname,
    wildcard: record.ssl?.wildcard ?? false,
    caaIdentities,
  }
  try {
    return await inspector.inspectPermission(question, AbortSignal.any([signal, patience.signal]))
  } catch (error) {
    signal.throwIfAborted()
    if (patience.signal.aborted) return { isPermitted: true }
    throw error
  } finally {
    timer.cancel()
  }
}

/** The chain that the new one takes over from, where the same CA made it and wants to know. */
async function findReplaced(
  issuer: Issuer,
  { chain }: Step,
  { findCertificate }: StepDependencies,
): Promise<Chain | undefined> {
  if (!chain.certificate || !issuer.hasRenewalInfo) return undefined
  const certificate = await findCertificate(chain.certificate.id)
  return certificate?.ca === issuer.name ? certificate.chain : undefined
}

/** What an order at this CA counts for: one for names that have a certificate already is a renewal. */
export async function exemptionOf(
  issuer: Issuer,
  step: Step,
  deps: StepDependencies,
): Promise<Exemption> {
  if (await findReplaced(issuer, step, deps)) return 'ari'
  const names = namesOf(step.record)
  for (const { certificate } of step.record.chains) {
    const found = certificate && (await deps.findCertificate(certificate.id))
    if (found?.ca !== undefined && isSameSet(found.hosts, names)) return 'renewal'
  }
  return 'none'
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && other.every((name) => one.includes(name))
}

function refusalByCaa(problem: string, { chain }: Step, { clock }: StepDependencies): Refusal {
  const failures = 'failures' in chain.issuance ? chain.issuance.failures : 0
  return { kind: 'forbidden', problem, retryAt: clock.now() + validationDelayMs(failures) }
}

async function refusalOf(
  error: IssuerError,
  { issuer, step, deps }: { issuer: Issuer; step: Step; deps: StepDependencies },
): Promise<Refusal> {
  const { clock, random, budget, outages } = deps
  const { issuance } = step.chain
  const failures = 'failures' in issuance ? issuance.failures : 0
  const { message: problem, retryAfterMs } = error
  if (error.kind === 'rate-limited') {
    const { hostname } = step.record
    const names = namesOf(step.record)
    await budget.noteLimited({ ca: issuer.name, hostname, names, retryAfterMs, problem })
    const retryAt = clock.now() + (retryAfterMs ?? orderDelayMs(failures, random))
    return { kind: 'limited', problem: waitSentence(problem, retryAt), retryAt }
  }
  if (error.kind === 'unavailable') {
    outages.note(issuer.name)
    const waitMs = retryAfterMs ?? outageDelayMs(failures, random)
    return { kind: 'failed', problem, retryAt: clock.now() + waitMs }
  }
  return { kind: 'failed', problem, retryAt: clock.now() + orderDelayMs(failures, random) }
}

/** Waiting for a limit is no failure; everything else that stood in the way is one. */
function summarise(refusals: readonly Refusal[]): StepOutcome {
  const problem = [...new Set(refusals.map((refusal) => refusal.problem))].join(' ')
  const retryAt = Math.min(...refusals.map((refusal) => refusal.retryAt))
  const isLimited = refusals.every(({ kind }) => kind === 'limited')
  return event({ type: isLimited ? 'deferred' : 'failed', problem, retryAt })
}
