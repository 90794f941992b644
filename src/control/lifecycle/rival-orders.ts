import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { OrderChallenge } from '#domain/order.ts'

import { event, type Step, type StepDependencies, type StepOutcome } from './step.ts'

/**
 * A name that the edges serve for one zone may be in another zone too. The edges answer whatever HTTP
 * asks them about it, and a CA believes for weeks what it has once seen: so nothing of that shows that
 * the name is this zone's. Whoever creates and deletes it again and again would get certificates for
 * it until the CA issues no more, not even for the zone that serves it.
 *
 * Such a record gets its certificate when its ownership is proved, or by a TXT record that its customer
 * places for it (method `txt`), and by nothing else.
 */
type Deps = Pick<StepDependencies, 'isServedElsewhere'>

/** Whether the name is this zone's, which only a look at the customer's own DNS or server shows. */
export function isReady({ ownership }: CustomHostname): boolean {
  return ownership.state === 'verified'
}

/** Whether no order is to be opened for it before its ownership is proved. */
export async function waitsForProof(
  { record }: Pick<Step, 'record'>,
  deps: Deps,
): Promise<boolean> {
  return record.ssl?.method !== 'txt' && (await isUnprovedRival(record, deps))
}

/** Those of the challenges that prove something of such a name. */
export function provingChallenges(challenges: readonly OrderChallenge[]): OrderChallenge[] {
  return challenges.filter(({ type }) => type === 'dns-01')
}

export async function isUnprovedRival(record: CustomHostname, deps: Deps): Promise<boolean> {
  return !isReady(record) && (await deps.isServedElsewhere(record))
}

/** Between two looks whether a name is served for another zone still; a proof is heeded at once. */
const LOOK_AGAIN_MS = 15 * 60_000

/** What it waits for, and how long at least. */
export function awaitProof(
  { record }: Pick<Step, 'record'>,
  { clock }: Pick<StepDependencies, 'clock'>,
): StepOutcome {
  const retryAt = clock.now() + LOOK_AGAIN_MS
  return event({ type: 'deferred', problem: unprovedSentence(record), retryAt, awaitsProof: true })
}

function unprovedSentence({ hostname }: CustomHostname): string {
  return `${hostname} is served for another zone: this one gets a certificate for it when its ownership is proved, or by method txt.`
}
