import type { KeyAlgorithm } from '#domain/certificate.ts'
import { chainDueAt, chainOf, isDue, type CustomHostname } from '#domain/custom-hostname.ts'
import { HELD } from '#domain/hold.ts'
import { newOwnership, ownLookDueAt, type OwnershipEvent } from '#domain/ownership.ts'
import { startDeadline } from '#lib/deadline.ts'
import type { HoldStore, HostnameChange } from '#store/store.ts'

import { IssuerError } from '../ca/issuer.ts'
import { applyOutcome, applyOwnership, applyOwnLook, isStillWanted } from './apply.ts'
import type { Deployments } from './deployments.ts'
import { giveBackOrder } from './dropped-orders.ts'
import { isHeld } from './holds.ts'
import { takeStep } from './issuance-steps.ts'
import type { Worker } from './lifecycle.ts'
import { isRunOut } from './retirement.ts'
import { listOthers, moveRivals, rivalTargetsOf, type RivalStore } from './rivals.ts'
import type { Step, StepDependencies, StepOutcome } from './step.ts'
import { writeRecord, type WriteDependencies } from './write-record.ts'

/** What of the store a worker needs. */
export interface WorkerStore extends RivalStore {
  readonly holds: Pick<HoldStore, 'findCovering'>
}

export interface HostnameWorkerOptions extends StepDependencies, WriteDependencies {
  store: WorkerStore
  deployments: Pick<Deployments, 'whenApplied'>
  /** Publishes the record at once. */
  publishNow(id: string): Promise<boolean>
  /** Where a zone's customers point their names, unless the zone says otherwise. */
  defaultCnameTarget: string | undefined
}

/**
 * A step that is begun too late might not end in the hostname's time, and nothing of it would be
 * written. What is due then is claimed anew with a time of its own. A look waits 3 s for the edges and
 * 11 s for the customer's servers; what it finds the CA is told, which has 10 s for an answer.
 */
const BEGIN_LOOKS_MS = 1_500
/** Two CAs may let us wait for 10 s each. */
const BEGIN_STEPS_MS = 5_000
/** A CA's answers that take longer, one after the other, are none: that is written, and backs off. */
const STEPS_MS = 25_000
/** How long the first look at a new name waits for the edges to know it. */
const FIRST_DEPLOYMENT_MS = 3_000

/**
 * Works on one hostname: its ownership and each of its chains side by side, step after step, until
 * nothing is due. Each step's outcome is written before the next is begun. A name that is held gets
 * none of it: no look, no order.
 */
export function createHostnameWorker(options: HostnameWorkerOptions): Worker {
  return {
    async work(id, { signal, opened }) {
      const { clock } = options
      const startedAt = clock.now()
      const reason = new IssuerError('unavailable', 'The CA took too long over its answers.')
      using patience = startDeadline(STEPS_MS, { clock, signal, reason })
      for (;;) {
        const record = await options.store.hostnames.find(id)
        if (!record || signal.aborted || !isDue(record, clock.now())) return
        const known = once(() => untilKnown(record, options))
        const served = once(() => lookAtServed(record, job))
        const job: Job = { id, signal, steps: patience.signal, options, known, served, startedAt }
        if (isLate(job, BEGIN_LOOKS_MS)) return
        if (await isHeld(record, options.store)) return void (await block(job))
        if (record.ownership.state === 'verified') await moveRivals(record, options)
        await allSettled([workOnOwnership(job), ...workOnChains(job, opened)])
      }
    },
  }
}

interface Job {
  id: string
  signal: AbortSignal
  /** Ends earlier, so that what it ends can be written. */
  steps: AbortSignal
  options: HostnameWorkerOptions
  /** Resolves once the edges know the name, so that they can answer for it. */
  known: () => Promise<void>
  /** Whether a name that is served still leads here: looked for once, whichever chain asks. */
  served: () => Promise<Finding>
  startedAt: number
}

/** Whether too little of the job's time is left for what must begin by then. */
function isLate({ startedAt, options }: Job, byMs: number): boolean {
  return options.clock.now() - startedAt > byMs
}

/**
 * The RSA chain begins once the ECDSA chain's order is open: only then is it known whether it wants one
 * beside it. The caller sees the records of both.
 */
function workOnChains(job: Job, opened: () => void): Promise<void>[] {
  const first = Promise.withResolvers<void>()
  const ecdsa = workOnChain(job, 'ecdsa', first.resolve).finally(first.resolve)
  const rsa = first.promise.then(() => workOnChain(job, 'rsa', opened)).finally(opened)
  return [ecdsa, rsa]
}

async function workOnChain(job: Job, algorithm: KeyAlgorithm, opened: () => void): Promise<void> {
  const { options, signal, id } = job
  for (;;) {
    const record = await options.store.hostnames.find(id)
    const chain = record && chainOf(record, algorithm)
    if (chain?.issuance.state !== 'scheduled') opened()
    if (!record || !chain || signal.aborted || !mayBeIssued(record)) return
    if ((chainDueAt(record, chain) ?? Infinity) > options.clock.now()) return
    const isDone = await workOnStep({ record, chain, signal: job.steps }, job)
    if (!isDone) return
  }
}

/** @returns false where too little time is left to begin it, or there is none to be taken */
async function workOnStep(step: Step, job: Job): Promise<boolean> {
  const { record, chain } = step
  const begunAt = job.options.clock.now()
  const isLook = chain.issuance.state === 'ordered'
  const isTried = isLook || chain.issuance.state === 'scheduled'
  const isLeaving = isTried && isRunOut(record, begunAt)
  if (isLate(job, isLook || isLeaving ? BEGIN_LOOKS_MS : BEGIN_STEPS_MS)) return false
  if (isLook) await job.known()
  // Beside the step: one after the other would take longer than a hostname may be worked on.
  const [stepped, looked] = await Promise.allSettled([
    takeStep(step, job.options),
    isLeaving ? job.served() : undefined,
  ])
  const outcome = valueOf(stepped)
  if (!outcome) return false
  const after = await writeOutcome({ step, outcome, begunAt }, job)
  // Only now: an order that is not written is opened again, and again.
  const finding = valueOf(looked)
  if (after && finding && isInVain(outcome)) await retireIfGone(finding, job)
  return true
}

interface TakenStep {
  step: Step
  outcome: StepOutcome
  begunAt: number
}

/** @returns the record as it was written; undefined where nothing was */
async function writeOutcome(
  { step, outcome, begunAt }: TakenStep,
  job: Job,
): Promise<CustomHostname | undefined> {
  const { options } = job
  const { keyAlgorithm } = step.chain
  let isOvertaken = true
  const after = await write(job, (current) => {
    isOvertaken = !isStillWanted(step, current)
    if (isOvertaken) return undefined
    return applyOutcome(current, { keyAlgorithm, outcome, now: options.clock.now(), begunAt })
  })
  if (isOvertaken) await dropOutcome(outcome, step, options)
  return after
}

/** An edit overtook the step, or the record is gone: nobody has what it ordered. */
async function dropOutcome(
  outcome: StepOutcome,
  { record }: Pick<Step, 'record'>,
  { budget }: Pick<HostnameWorkerOptions, 'budget'>,
): Promise<void> {
  if (outcome.kind !== 'event' || outcome.event.type !== 'order-opened') return
  await giveBackOrder(outcome.event.order, record, budget)
}

/** The name is not ready, or no CA may or would take an order for it. */
function isInVain(outcome: StepOutcome): boolean {
  return outcome.kind === 'event' && ['not-ready', 'failed'].includes(outcome.event.type)
}

/** Its last certificate is over: a name that does not lead here any more has moved. */
async function retireIfGone(finding: OwnershipEvent, job: Job): Promise<void> {
  if (finding.type !== 'not-proved' || finding.isOurs || job.signal.aborted) return
  const [reason = 'The hostname does not lead here any more.'] = finding.errors
  await write(job, (current) =>
    applyOwnership(current, { type: 'moved-away', reason }, job.options.clock.now()),
  )
}

async function block(job: Job): Promise<void> {
  await write(job, (current) => applyOwnership(current, HELD, job.options.clock.now()))
}

async function workOnOwnership(job: Job): Promise<void> {
  const { options, signal, id } = job
  const record = await options.store.hostnames.find(id)
  const now = options.clock.now()
  if (!record || record.removal) return
  const { ownership } = record
  if (ownership.state === 'verified') return lookAgain(record, job)
  if (ownership.state === 'moved' && ownership.nextAt <= now) {
    await write(job, (current) => applyOwnership(current, { type: 'lapsed' }, now))
    return
  }
  if (ownership.state !== 'pending' || ownership.nextAt > now) return
  const found = await inspectOwnership(record, job)
  if (signal.aborted) return
  // Looking takes seconds: a hold may have come meanwhile, and an edit undone what it blocked.
  const isTooLate = found.type === 'proved' && (await isHeld(record, options.store))
  const event = isTooLate ? HELD : found
  await write(job, (current) => applyOwnership(current, event, options.clock.now()))
  if (event.type === 'proved') await moveRivals(record, options)
}

/** Whether a name whose certificates are its customer's own still leads here. */
async function lookAgain(record: CustomHostname, job: Job): Promise<void> {
  const { options, signal } = job
  const { clock, random } = options
  if ((ownLookDueAt(record) ?? Infinity) > clock.now()) return
  const found = await lookAtServed(record, job)
  if (signal.aborted) return
  const problems = problemsOf(found, record)
  const look = { problems, now: clock.now(), fraction: random.fraction() }
  await write(job, (current) => applyOwnLook(current, look))
}

/** The edges answer for it as they did when it was proved, or a name without a CNAME would seem gone. */
async function lookAtServed(record: CustomHostname, job: Job): Promise<Finding> {
  const { clock, putAnswers, removeAnswers } = job.options
  const shown = { ...record, ownership: newOwnership(clock.now()) }
  await putAnswers(shown)
  const found = await lookForProof(record, job)
  await removeAnswers(shown, record).catch(() => {})
  return found
}

/** What could not be looked for is as it was. */
function problemsOf(found: Finding, { ownership }: CustomHostname): readonly string[] {
  if (found.type === 'proved') return []
  if (!found.isOurs) return found.errors
  return ownership.state === 'verified' ? (ownership.look?.problems ?? []) : []
}

async function inspectOwnership(record: CustomHostname, job: Job): Promise<Finding> {
  const { store, putAnswers, clock } = job.options
  const begunAt = clock.now()
  const zone = await store.zones.find(record.zoneId)
  if (record.customOriginServer === undefined && zone?.fallbackOrigin?.state !== 'active') {
    const error = zone?.fallbackOrigin
      ? 'The fallback origin is in the status pending_deletion.'
      : 'Zone does not have a fallback origin set.'
    return { type: 'not-proved', errors: [error], isOurs: true, begunAt }
  }
  await job.known()
  await putAnswers(record)
  return lookForProof(record, job)
}

type Finding = Extract<OwnershipEvent, { type: 'proved' | 'not-proved' }>

async function lookForProof(record: CustomHostname, job: Job): Promise<Finding> {
  const { store, inspector, defaultCnameTarget, clock } = job.options
  const begunAt = clock.now()
  const zone = await store.zones.find(record.zoneId)
  const others = await listOthers(record, store)
  const question = {
    hostname: record.hostname,
    hostnameId: record.id,
    token: record.ownershipToken,
    cnameTarget: zone?.cnameTarget ?? defaultCnameTarget,
    rivalTargets: await rivalTargetsOf(record, others, job.options),
  }
  const finding = await inspector.inspectOwnership(question, job.signal)
  if ('errors' in finding) return { type: 'not-proved', ...finding, begunAt }
  // Above all that the edges may have of the name, whatever clock that was written by.
  const serial = Math.max(0, ...others.map(({ deployment }) => deployment.serial + 1))
  return { type: 'proved', by: finding.provedBy, serial }
}

/** A name that was taken from the zone, or is held back, is not certified. */
function mayBeIssued({ removal, ownership }: CustomHostname): boolean {
  return !removal && (ownership.state === 'pending' || ownership.state === 'verified')
}

/**
 * The first look at a name waits until the edges know it: an edge that was asked for it before may
 * still hold "no such name", and a failed look costs a minute.
 */
async function untilKnown(record: CustomHostname, options: HostnameWorkerOptions): Promise<void> {
  if (record.deployment.appliedSerial > 0) return
  if (!(await options.publishNow(record.id))) return
  await options.deployments.whenApplied(record, FIRST_DEPLOYMENT_MS)
}

/** @returns the record as it was written; undefined where nothing was */
function write({ id, options }: Job, change: HostnameChange): Promise<CustomHostname | undefined> {
  return writeRecord({ id, change }, options)
}

/** Waits for all, then rejects with the first failure: no work goes on behind a failed job. */
async function allSettled(works: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(works)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

/** @throws why it was rejected */
function valueOf<Value>(result: PromiseSettledResult<Value>): Value {
  if (result.status === 'rejected') throw result.reason
  return result.value
}

function once<Value>(run: () => Promise<Value>): () => Promise<Value> {
  let running: Promise<Value> | undefined
  return () => (running ??= run())
}
