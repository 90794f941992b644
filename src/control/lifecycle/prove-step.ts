import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { StateOf } from '#domain/issuance.ts'
import type { ChallengeType, OrderChallenge } from '#domain/order.ts'
import { validationDelayMs } from '#domain/validation.ts'
import { startDeadline } from '#lib/deadline.ts'

import type { Issuer } from '../ca/issuer.ts'
import { hasAlternative } from './order-step.ts'
import { findPermission } from './permission.ts'
import { orderDelayMs } from './retry-delays.ts'
import { isUnprovedRival, provingChallenges } from './rival-orders.ts'
import { event, priorityOf, type Step, type StepDependencies, type StepOutcome } from './step.ts'

/** For one look at one challenge: what takes longer is looked at again soon. */
const LOOK_MS = 6_000
/**
 * For all looks of one step: the customer's servers must not be able to make it longer than a hostname
 * may be worked on, because then nothing of it is written and its back-off never grows.
 */
const LOOKS_MS = 10_000

/**
 * Plays the CA before the CA is asked: looks whether CAA permits it and whether it would see one of the
 * challenges of each name. A name that would fail costs the CA nothing, and us none of its limits.
 */
export async function prove(
  issuance: StateOf<'ordered'>,
  context: { step: Step; issuer: Issuer },
  deps: StepDependencies,
): Promise<StepOutcome> {
  const { step, issuer } = context
  const { order } = issuance
  if (order.expiresAt <= deps.clock.now()) return event({ type: 'order-expired' })
  await deps.putAnswers(step.record)
  const found = await lookAtAll(issuance, context, deps)
  if ('kind' in found) return found
  const { hostname } = step.record
  const priority = priorityOf(step)
  const grant = await deps.budget.mayValidate({ ca: order.ca, hostname, priority })
  if (!grant.granted) {
    return event({ type: 'deferred', problem: grant.sentence, retryAt: grant.askAgainAt })
  }
  await issuer.beginValidation(order, found.challenges, step.signal)
  const via = found.challenges[0]?.type
  return event({ type: 'validation-begun', ...(via && { via }) })
}

/** An authorization of before is used again: the CA must say so of the order. */
export async function confirm(
  { order, failures }: StateOf<'ordered'>,
  { step, issuer }: { step: Step; issuer: Issuer },
  { clock, random }: StepDependencies,
): Promise<StepOutcome | 'authorized'> {
  const progress = await issuer.checkOrder(order, step.signal)
  if (progress.state === 'ready') return 'authorized'
  const problem =
    progress.state === 'invalid' ? progress.problem : 'The CA wants the name proved again.'
  const retryAt = clock.now() + orderDelayMs(failures, random)
  return event({ type: 'failed', problem, retryAt })
}

interface Looks extends Step {
  /** Ends when the time of all looks together is over; `signal` ends the step. */
  hurry: AbortSignal
}

/** @returns the challenges to be begun, or why there are none */
async function lookAtAll(
  issuance: StateOf<'ordered'>,
  { step, issuer }: { step: Step; issuer: Issuer },
  deps: StepDependencies,
): Promise<{ challenges: OrderChallenge[] } | StepOutcome> {
  const { signal, record } = step
  using patience = startDeadline(LOOKS_MS, { clock: deps.clock, signal })
  const looks = { ...step, hurry: patience.signal }
  try {
    const found = await chooseChallenges(issuance.order.challenges, looks, deps)
    if ('problem' in found) return event({ type: 'not-ready', problem: found.problem })
    const methods = found.challenges.map(({ type }) => type)
    const forbidden = await findProhibition(issuance, { looks, issuer, methods }, deps)
    return forbidden ?? found
  } catch (error) {
    signal.throwIfAborted()
    if (!patience.isOver) throw error
    return event({ type: 'not-ready', problem: lateSentence(record.hostname) })
  }
}

function lateSentence(name: string): string {
  return `${name} did not answer in time.`
}

async function findProhibition(
  { order, attempts }: StateOf<'ordered'>,
  context: { looks: Looks; issuer: Issuer; methods: readonly ChallengeType[] },
  deps: StepDependencies,
): Promise<StepOutcome | undefined> {
  const { looks, issuer, methods } = context
  const { record, hurry } = looks
  const { inspector } = deps
  const permission = await findPermission({ issuer, record, methods, inspector }, hurry)
  if (permission.isPermitted) return undefined
  const { problem, reason } = permission
  // The records may permit another CA: it is asked next.
  if (reason === 'caa' && hasAlternative(order.ca, looks, deps)) {
    const retryAt = deps.clock.now() + validationDelayMs(attempts)
    return event({ type: 'failed', problem, retryAt, avoid: order.ca })
  }
  return event({ type: 'not-ready', problem })
}

type Chosen = { challenges: OrderChallenge[] } | { problem: string }

/** One challenge of each name, that the CA would see. */
async function chooseChallenges(
  offered: readonly OrderChallenge[],
  looks: Looks,
  deps: StepDependencies,
): Promise<Chosen> {
  const byName = Map.groupBy(offered, ({ identifier, wildcard = false }) =>
    wildcard ? `*.${identifier}` : identifier,
  )
  const isRival = await isUnprovedRival(looks.record, deps)
  const challenges: OrderChallenge[] = []
  for (const choice of byName.values()) {
    const proving = isRival ? provingChallenges(choice) : choice
    const found = await chooseOne(inOrderOf(looks.record, proving), looks, deps)
    if ('problem' in found) return found
    challenges.push(found)
  }
  return { challenges }
}

/**
 * The customer's own way first. The others are looked at only where that one does not work: the edges
 * answer them all, so a name that points here is proved whatever was chosen (spec sections 2.5, 3.1).
 */
async function chooseOne(
  [first, ...others]: readonly OrderChallenge[],
  looks: Looks,
  deps: StepDependencies,
): Promise<OrderChallenge | { problem: string }> {
  if (!first) return { problem: 'The CA offers no way to prove this name that Custos knows.' }
  const problem = await look(first, looks, deps)
  if (problem === undefined) return first
  const problems = await Promise.all(others.map((other) => look(other, looks, deps)))
  const ready = others[problems.indexOf(undefined)]
  return ready ?? { problem }
}

/** @returns what is missing; undefined where nothing is */
async function look(
  challenge: OrderChallenge,
  { signal, hurry }: Looks,
  { inspector, clock }: StepDependencies,
): Promise<string | undefined> {
  if (hurry.aborted) return lateSentence(challenge.identifier)
  using patience = startDeadline(LOOK_MS, { clock, signal: hurry })
  try {
    const finding = await inspector.inspectChallenge(challenge, patience.signal)
    return finding.isReady ? undefined : finding.problem
  } catch (error) {
    signal.throwIfAborted()
    if (!patience.signal.aborted) throw error
    return lateSentence(challenge.identifier)
  }
}

const BY_METHOD = {
  http: ['http-01', 'dns-01', 'tls-alpn-01'],
  txt: ['dns-01', 'http-01', 'tls-alpn-01'],
} as const satisfies Record<'http' | 'txt', readonly ChallengeType[]>

function inOrderOf(
  { ssl }: CustomHostname,
  challenges: readonly OrderChallenge[],
): OrderChallenge[] {
  const order: readonly ChallengeType[] = BY_METHOD[ssl?.method ?? 'http']
  return challenges.toSorted((a, b) => order.indexOf(a.type) - order.indexOf(b.type))
}
