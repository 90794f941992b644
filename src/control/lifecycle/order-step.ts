import { expiryWarningAt, type Chain } from '#domain/certificate.ts'
import { hasOpenOrder, type Issuance } from '#domain/issuance.ts'
import { CHALLENGE_TYPES, type Exemption, type Order } from '#domain/order.ts'
import { validationDelayMs } from '#domain/validation.ts'
import { startDeadline } from '#lib/deadline.ts'

import type { Grant, PlannedOrder } from '../ca/budget.ts'
import { IssuerError, type Issuer } from '../ca/issuer.ts'
import type { PermissionFinding } from './inspector.ts'
import { findPermission } from './permission.ts'
import { wantsHurry } from './renewal-pace.ts'
import { orderDelayMs, outageDelayMs, waitSentence } from './retry-delays.ts'
import { awaitProof, isReady, waitsForProof } from './rival-orders.ts'
import {
  event,
  namesOf,
  priorityOf,
  type Step,
  type StepDependencies,
  type StepOutcome,
} from './step.ts'

/**
 * Why a CA has no order of ours now, and when it may be asked again. `busy`: it has one of ours for the
 * name, so that no other CA is to be asked.
 */
interface Refusal {
  kind: 'forbidden' | 'limited' | 'failed' | 'busy'
  problem: string
  retryAt: number
  /** It would not be refused if the ownership were proved. */
  awaitsProof?: boolean
}

/** How often those who would be served first after an outage look whether it is over. */
const LOOK_AGAIN_MS = 10 * 60_000

/** The customer's CAA records choose among the CAs; a DNS that is slower than this chooses nothing. */
const PERMISSION_MS = 1_000
/** Whose DNS is slower than this waits like one that has nothing to show. */
const DELEGATION_MS = 3_000
/** Between two looks whether a CA has finished the other order for the name. */
const BUSY_MS = 30_000

/**
 * Opens an order at the first CA, in order of preference, that the name's CAA records permit, whose
 * limits leave room, and that takes it. What none of them took is tried again when the first of them
 * may.
 */
export async function openOrder(step: Step, deps: StepDependencies): Promise<StepOutcome> {
  const wait = waitForOthers(step, deps)
  if (wait) return event({ type: 'deferred', ...wait })
  if (await waitsForProof(step, deps)) return awaitProof(step, deps)
  const refusals: Refusal[] = []
  for (const issuer of listCandidates(step, deps)) {
    const answer = await askOne(issuer, step, deps)
    if ('url' in answer) return event({ type: 'order-opened', order: answer })
    if (answer.kind === 'busy') return summarise([answer])
    refusals.push(answer)
    step.signal.throwIfAborted()
  }
  return summarise(refusals)
}

/** Whether there is a CA besides `ca` that may be asked for the name. */
export function hasAlternative(ca: string, step: Step, deps: StepDependencies): boolean {
  return listCandidates(step, deps).some(({ name }) => name !== ca)
}

/**
 * What an outage held up is renewed one after the other, not all at the instant at which it ends; and
 * while it lasts one request in a while shows that it does. Where another CA may do it, or when it is
 * high time, nobody waits; nor does what somebody has asked for, in the place of what is served.
 */
function waitForOthers(
  step: Step,
  deps: StepDependencies,
): { retryAt: number; turn: number } | undefined {
  const { clock, random, outages } = deps
  const { certificate, isOutdated, issuance } = step.chain
  const [issuer, ...others] = listCandidates(step, deps)
  const now = clock.now()
  if (!certificate || isOutdated || !issuer || others.length > 0) return undefined
  if (issuance.state === 'issued' && wantsHurry(certificate, issuance.renewalInfo)) return undefined
  const latest = expiryWarningAt(certificate, { isUploaded: false })
  const turn = turnOf(issuance) ?? now
  const { at, isAway } = outages.servedAt(issuer.name, turn)
  if (isAway && !outages.isAway(issuer.name)) return undefined
  const lookAgainAt = isAway ? now + LOOK_AGAIN_MS * (0.5 + random.fraction() / 2) : now
  const retryAt = Math.round(Math.min(Math.max(at, lookAgainAt), latest))
  return retryAt > now ? { retryAt, turn } : undefined
}

function turnOf(issuance: Issuance): number | undefined {
  if (issuance.state !== 'scheduled') return undefined
  return issuance.turn ?? issuance.failingSince
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
  try {
    const permission = await findPermissionSoon(issuer, step, deps)
    if (!permission.isPermitted && permission.reason === 'caa') {
      return refusalByCaa(permission.problem, step, deps)
    }
    const replaces = await findReplaced(issuer, step, deps)
    const exemption = await exemptionOf(issuer, step, deps)
    if (!replaces) return await orderAs(exemption, { issuer, step, deps })
    return await orderAs('ari', { issuer, step, deps, replaces }).catch((error: unknown) => {
      // An order that replaces nothing counts for more: that is taken first.
      if (!isUnbelieved(error)) throw error
      return orderAs(exemption, { issuer, step, deps })
    })
  } catch (error) {
    if (error instanceof IssuerError) return refusalOf(error, { issuer, step, deps })
    throw error
  }
}

function isUnbelieved(error: unknown): boolean {
  return error instanceof IssuerError && error.kind === 'not-replaceable'
}

interface Asking {
  issuer: Issuer
  step: Step
  deps: StepDependencies
  replaces?: Chain
}

/** Takes what the order counts for before the CA is asked, and writes down what that was. */
async function orderAs(
  exemption: Exemption,
  { issuer, step, deps, replaces }: Asking,
): Promise<Order | Refusal> {
  const { record, chain, signal } = step
  const { hostname, zoneId } = record
  const spent = { ca: issuer.name, names: namesOf(record), exemption }
  const takenAt = deps.clock.now()
  const grant = await take({ ...spent, hostname, zoneId, priority: priorityOf(step) }, step, deps)
  if (!grant.granted) {
    const awaitsProof = isScarce(grant) && !isReady(record)
    return { kind: 'limited', problem: grant.sentence, retryAt: grant.askAgainAt, awaitsProof }
  }
  const wildcard = record.ssl?.wildcard ?? false
  const { keyAlgorithm } = chain
  const request = {
    hostname,
    wildcard,
    keyAlgorithm,
    ...(replaces && { replaces }),
    ...siblingOrderOf(step),
  }
  try {
    const order = await issuer.openOrder(request, signal)
    deps.outages.clear(issuer.name)
    return { ...order, taken: { exemption, at: takenAt } }
  } catch (error) {
    // No record has it, so nobody else gives it back.
    await deps.budget.giveBack({ ...spent, takenAt })
    throw error
  }
}

function siblingOrderOf({ record, chain }: Pick<Step, 'record' | 'chain'>): {
  siblingOrder?: string
} {
  const sibling = record.chains.find(({ keyAlgorithm }) => keyAlgorithm !== chain.keyAlgorithm)
  return sibling && hasOpenOrder(sibling.issuance)
    ? { siblingOrder: sibling.issuance.order.url }
    : {}
}

/** Where what is left is kept for names that are ready, a DCV delegation shows too that this one is. */
async function take(
  order: Omit<PlannedOrder, 'isReady'>,
  step: Step,
  deps: StepDependencies,
): Promise<Grant> {
  const isKnownReady = isReady(step.record)
  const grant = await deps.budget.take({ ...order, isReady: isKnownReady })
  if (isKnownReady || !isScarce(grant) || !(await isDelegatedSoon(step, deps))) return grant
  return deps.budget.take({ ...order, isReady: true })
}

function isScarce(grant: Grant): boolean {
  return !grant.granted && grant.limit === 'orders_per_account'
}

async function isDelegatedSoon(
  { record, signal }: Step,
  { clock, isDelegated }: StepDependencies,
): Promise<boolean> {
  using patience = startDeadline(DELEGATION_MS, { clock, signal })
  try {
    return await isDelegated(record, patience.signal)
  } catch (error) {
    signal.throwIfAborted()
    if (patience.isOver) return false
    throw error
  }
}

/** As far as it is known soon: what the name's DNS does not say now, it is asked before validation. */
async function findPermissionSoon(
  issuer: Issuer,
  { record, signal }: Step,
  { inspector, clock }: StepDependencies,
): Promise<PermissionFinding> {
  using patience = startDeadline(PERMISSION_MS, { clock, signal })
  const methods = record.ssl?.wildcard ? (['dns-01'] as const) : CHALLENGE_TYPES
  const question = { issuer, record, methods, inspector }
  try {
    return await findPermission(question, patience.signal)
  } catch (error) {
    signal.throwIfAborted()
    if (patience.isOver) return { isPermitted: true }
    throw error
  }
}

/** The chain that the new one takes over from, where the same CA made it and wants to know. */
async function findReplaced(
  issuer: Issuer,
  { chain }: Pick<Step, 'chain'>,
  { findCertificate }: Pick<StepDependencies, 'findCertificate'>,
): Promise<Chain | undefined> {
  if (!chain.certificate || !issuer.hasRenewalInfo) return undefined
  const certificate = await findCertificate(chain.certificate.id)
  return certificate?.ca === issuer.name ? certificate.chain : undefined
}

/** What an order counts for: one for names that this CA has certified already is a renewal. */
async function exemptionOf(
  { name }: Issuer,
  { record }: Pick<Step, 'record'>,
  { findCertificate }: Pick<StepDependencies, 'findCertificate'>,
): Promise<Exclude<Exemption, 'ari'>> {
  const names = namesOf(record)
  for (const { certificate } of record.chains) {
    const found = certificate && (await findCertificate(certificate.id))
    if (found?.ca === name && isSameSet(found.hosts, names)) return 'renewal'
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
    const limited = { ca: issuer.name, hostname, names, retryAfterMs, problem }
    const retryAt = await budget.noteLimited(limited)
    return { kind: 'limited', problem: waitSentence(problem, retryAt), retryAt }
  }
  if (error.kind === 'busy') {
    return { kind: 'busy', problem, retryAt: clock.now() + BUSY_MS }
  }
  if (error.kind === 'unavailable') {
    outages.note(issuer.name)
    const waitMs = retryAfterMs ?? outageDelayMs(failures, random)
    return { kind: 'failed', problem, retryAt: clock.now() + waitMs }
  }
  return { kind: 'failed', problem, retryAt: clock.now() + orderDelayMs(failures, random) }
}

/** A sentence that several CAs give rise to stands there once. */
function joinProblems(problems: readonly string[]): string {
  return [...new Set(problems.flatMap((problem) => problem.split(/(?<=\.) /)))].join(' ')
}

/** Waiting for a limit is no failure; everything else that stood in the way is one. */
function summarise(refusals: readonly Refusal[]): StepOutcome {
  const problem = joinProblems(refusals.map((refusal) => refusal.problem))
  const retryAt = Math.min(...refusals.map((refusal) => refusal.retryAt))
  if (refusals.some(({ kind }) => kind === 'busy')) {
    return event({ type: 'deferred', problem, retryAt, afterSibling: true })
  }
  const isLimited = refusals.every(({ kind }) => kind === 'limited')
  if (!isLimited) return event({ type: 'failed', problem, retryAt })
  const awaitsProof = refusals.some((refusal) => refusal.awaitsProof)
  return event({ type: 'deferred', problem, retryAt, ...(awaitsProof && { awaitsProof }) })
}
