import type { Certificate } from '#domain/certificate.ts'
import { renewalDueAt } from '#domain/certificate.ts'
import type { StateOf } from '#domain/issuance.ts'
import type { Order } from '#domain/order.ts'

import { IssuerError, type Issuer } from '../ca/issuer.ts'
import { afterIssuerError } from './issuer-failure.ts'
import { hasAlternative } from './order-step.ts'
import { confirm, prove } from './prove-step.ts'
import { firstCheckAt, openOrderInTurn, renew } from './renew-step.ts'
import { orderDelayMs } from './retry-delays.ts'
import { awaitProof, isUnprovedRival } from './rival-orders.ts'
import { event, namesOf, type Step, type StepDependencies, type StepOutcome } from './step.ts'

/**
 * One step of one chain: looks at the state, does the one thing that is due, says what happened.
 *
 * @returns undefined where nothing is due
 */
export async function takeStep(
  step: Step,
  deps: StepDependencies,
): Promise<StepOutcome | undefined> {
  const { issuance } = step.chain
  try {
    switch (issuance.state) {
      case 'scheduled':
        return await openOrderInTurn(issuance, step, deps)
      case 'issued':
        return await renew(issuance, step, deps)
      case 'ordered':
        return await proveOrConfirm(issuance, step, deps)
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
    if (error instanceof IssuerError) return event(await afterIssuerError(error, step, deps))
    throw error
  }
}

/** The CA that has the order. @throws {IssuerError} `unknown-order` where the settings lack it now */
function issuerOf({ ca }: Order, { issuers }: StepDependencies): Issuer {
  const issuer = issuers.find(ca)
  if (issuer) return issuer
  throw new IssuerError('unknown-order', 'The order was opened at a CA that is not used any more.')
}

async function proveOrConfirm(
  issuance: StateOf<'ordered'>,
  step: Step,
  deps: StepDependencies,
): Promise<StepOutcome> {
  const context = { step, issuer: issuerOf(issuance.order, deps) }
  if (issuance.order.challenges.length > 0) return prove(issuance, context, deps)
  if (await isUnprovedRival(step.record, deps)) return awaitProof(step, deps)
  const confirmed = await confirm(issuance, context, deps)
  return confirmed === 'authorized' ? authorize(step, deps) : confirmed
}

async function awaitValidation(
  { order, failures }: StateOf<'validating'>,
  step: Step,
  deps: StepDependencies,
): Promise<StepOutcome> {
  const { clock, random, budget } = deps
  const { ca } = order
  const progress = await issuerOf(order, deps).checkOrder(order, step.signal)
  deps.outages.clear(ca)
  switch (progress.state) {
    case 'pending':
      return event({ type: 'still-waiting', retryAt: clock.now() + progress.retryAfterMs })
    case 'invalid': {
      const { problem, fault } = progress
      if (fault === 'name') {
        await budget.noteFailedValidation({ ca, hostname: step.record.hostname })
      }
      const retryAt = clock.now() + orderDelayMs(failures, random)
      const isElsewhere = fault === 'ca' && hasAlternative(ca, step, deps)
      return event({ type: 'failed', problem, retryAt, ...(isElsewhere && { avoid: ca }) })
    }
    case 'ready':
      await budget.noteValidation({ ca, hostname: step.record.hostname })
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
  const { clock, random, keyMaker } = deps
  const issuer = issuerOf(order, deps)
  const sealed = Buffer.from(sealedKey, 'base64')
  const privateKey = deps.sealer.open(sealed, certificateId)
  const names = namesOf(record)
  const csr = await keyMaker.createCsr({ privateKey, keyAlgorithm, names })
  const progress = await issuer.finalize(order, csr, signal)
  deps.outages.clear(issuer.name)
  const now = clock.now()
  if (progress.state === 'processing') {
    return event({ type: 'still-waiting', retryAt: now + progress.retryAfterMs })
  }
  const description = keyMaker.describe({ chain: progress.chain, privateKey, names })
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
  const renewAt = renewalDueAt(certificate, random.fraction())
  const checkAt = issuer.hasRenewalInfo ? firstCheckAt(now, random.fraction()) : undefined
  return { kind: 'signed', certificate, renewAt, ...(checkAt !== undefined && { checkAt }) }
}
