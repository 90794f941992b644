import { renewalWithin } from '#domain/certificate.ts'
import type { IssuanceEvent, StateOf } from '#domain/issuance.ts'

import { IssuerError, type RenewalAnswer } from '../ca/issuer.ts'
import { openOrder } from './order-step.ts'
import { event, type Step, type StepDependencies, type StepOutcome } from './step.ts'

/** How often a CA is asked when to renew, where it does not say: twice a day or more (RFC 9773). */
const CHECK_EVERY_MS = 6 * 3_600_000

/** When a CA is first asked when to renew what it has just signed: spread, and never at once. */
export function firstCheckAt(now: number, fraction: number): number {
  return Math.round(now + CHECK_EVERY_MS * (0.5 + fraction / 2))
}

/** Renews what is due, in its turn; else asks the CA whether it wants it renewed sooner, or later (RFC 9773). */
export async function renew(
  issuance: StateOf<'issued'>,
  step: Step,
  deps: StepDependencies,
): Promise<StepOutcome> {
  const { clock } = deps
  if (issuance.renewAt > clock.now()) return event(await askWhen(issuance, step, deps))
  const turn = await takeTurn(issuance, step, deps)
  // Not by the time of before: a turn that was given meanwhile would lie ahead of it.
  if (turn <= clock.now()) return openOrder(step, deps)
  return event({ type: 'deferred', retryAt: turn, turn })
}

async function takeTurn(
  { renewalInfo }: StateOf<'issued'>,
  { chain: { certificate } }: Step,
  { pace, clock }: StepDependencies,
): Promise<number> {
  return certificate ? pace.takeTurn({ certificate, renewalInfo }) : clock.now()
}

async function askWhen(
  issuance: StateOf<'issued'>,
  { chain, signal }: Step,
  { issuers, findCertificate, clock, random }: StepDependencies,
): Promise<IssuanceEvent> {
  const { certificateId, renewAt } = issuance
  const certificate = await findCertificate(certificateId)
  const issuer = certificate?.ca === undefined ? undefined : issuers.find(certificate.ca)
  if (!certificate || !issuer) return { type: 'renewal-info', renewAt, checkAt: renewAt }
  const answer = await issuer.findRenewalInfo(certificate.chain, signal).catch(ignoreIssuerError)
  const now = clock.now()
  const checkAt = now + (answer?.retryAfterMs ?? CHECK_EVERY_MS)
  if (!answer || !chain.certificate) return { type: 'renewal-info', renewAt, checkAt }
  const { retryAfterMs: _, ...renewalInfo } = answer
  const isKnown = isSameWindow(issuance.renewalInfo?.window, answer.window)
  const drawn = renewalWithin(answer.window, chain.certificate, random.fraction())
  // Drawn once a window: drawing again and again would make early instants likelier.
  return { type: 'renewal-info', renewAt: isKnown ? renewAt : drawn, checkAt, renewalInfo }
}

/** A CA that cannot say it now changes nothing: renewal is due when it was. */
function ignoreIssuerError(error: unknown): RenewalAnswer | undefined {
  if (error instanceof IssuerError) return undefined
  throw error
}

type Window = RenewalAnswer['window']

function isSameWindow(one: Window | undefined, other: Window): boolean {
  return one?.start === other.start && one.end === other.end
}
