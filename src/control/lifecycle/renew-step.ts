import { renewalWithin, type Certificate } from '#domain/certificate.ts'
import type { IssuanceEvent, StateOf } from '#domain/issuance.ts'

import { IssuerError, type Issuer, type RenewalAnswer } from '../ca/issuer.ts'
import { openOrder } from './order-step.ts'
import { wantsHurry } from './renewal-pace.ts'
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
  const certificate = await deps.findCertificate(issuance.certificateId)
  const checkAt = signerOf(certificate, deps)?.hasRenewalInfo
    ? clock.now() + CHECK_EVERY_MS
    : Infinity
  return event({ type: 'deferred', retryAt: Math.min(turn, checkAt), turn })
}

/**
 * Opens an order in its turn. The CA is asked while a renewal waits for that too: it may have to revoke
 * the certificate meanwhile (RFC 9773 section 4.1), and then nobody waits.
 */
export async function openOrderInTurn(
  issuance: StateOf<'scheduled'>,
  step: Step,
  deps: StepDependencies,
): Promise<StepOutcome> {
  const { chain } = step
  const now = deps.clock.now()
  const { turn = now } = issuance
  if (turn <= now || !chain.certificate || chain.isOutdated) return openOrder(step, deps)
  const asked = await askCa(chain.certificate.id, step, deps)
  if (wantsHurry(chain.certificate, asked?.answer)) {
    // Before all who wait for a CA that was away, too.
    return event({ type: 'deferred', retryAt: now, turn: chain.certificate.notBefore })
  }
  return event({ type: 'deferred', retryAt: Math.min(turn, asked?.checkAt ?? turn), turn })
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
  step: Step,
  deps: StepDependencies,
): Promise<IssuanceEvent> {
  const { certificateId, renewAt } = issuance
  const { certificate } = step.chain
  const asked = await askCa(certificateId, step, deps)
  if (!asked) return { type: 'renewal-info', renewAt, checkAt: renewAt }
  const { answer, checkAt } = asked
  if (!answer || !certificate) return { type: 'renewal-info', renewAt, checkAt }
  const { retryAfterMs: _, ...renewalInfo } = answer
  const isKnown = isSameWindow(issuance.renewalInfo?.window, answer.window)
  const drawn = renewalWithin(answer.window, certificate, deps.random.fraction())
  // Drawn once a window: drawing again and again would make early instants likelier.
  return { type: 'renewal-info', renewAt: isKnown ? renewAt : drawn, checkAt, renewalInfo }
}

/** What the CA that signed it says of when to renew it, and when to ask again; undefined: nobody is to be asked. */
async function askCa(
  certificateId: string,
  { signal }: Step,
  deps: StepDependencies,
): Promise<{ answer: RenewalAnswer | undefined; checkAt: number } | undefined> {
  const certificate = await deps.findCertificate(certificateId)
  const issuer = signerOf(certificate, deps)
  if (!certificate || !issuer) return undefined
  const answer = await issuer.findRenewalInfo(certificate.chain, signal).catch(ignoreIssuerError)
  return { answer, checkAt: deps.clock.now() + (answer?.retryAfterMs ?? CHECK_EVERY_MS) }
}

/** The CA that signed it, while it is in use. */
function signerOf(
  certificate: Certificate | undefined,
  { issuers }: Pick<StepDependencies, 'issuers'>,
): Issuer | undefined {
  return certificate?.ca === undefined ? undefined : issuers.find(certificate.ca)
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
