import type { Issuer } from '#control/ca/issuer.ts'
import { createIssuers } from '#control/ca/issuers.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import { takeStep } from '#control/lifecycle/issuance-steps.ts'
import { createOutages } from '#control/lifecycle/outages.ts'
import type { StepDependencies, StepOutcome } from '#control/lifecycle/step.ts'
import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import { chainOf, type CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance, IssuanceEvent } from '#domain/issuance.ts'
import { advance } from '#domain/advance-issuance.ts'
import type { Random } from '#lib/random.ts'
import { systemRandom } from '#lib/random.ts'
import { createSealer } from '#lib/sealing.ts'

import { fakeClock, type FakeClock } from './fake-clock.ts'
import { aHostname, NOON } from './records.ts'
import { UNLIMITED } from './unlimited-budget.ts'
import { unpaced } from './unpaced.ts'

/** A customer who has done everything right, unless changed. */
export function aCustomer(changes: Partial<Inspector> = {}): Inspector {
  return {
    inspectOwnership: async () => ({ provedBy: 'cname' }),
    inspectChallenge: async () => ({ isReady: true }),
    inspectPermission: async () => ({ isPermitted: true }),
    ...changes,
  }
}

export interface Steps {
  readonly clock: FakeClock
  readonly deps: StepDependencies
  /** Takes one step of the record's ECDSA chain in this state. */
  take(issuance: Issuance, change?: Partial<CustomHostname>): Promise<StepOutcome | undefined>
  /** The same, and applies the event to the state. */
  advance(issuance: Issuance, change?: Partial<CustomHostname>): Promise<Issuance>
}

/** Single steps of the lifecycle with these CAs, by a clock that is moved by hand. */
export function stepsWith(
  issuers: readonly Issuer[],
  changes: Partial<Omit<StepDependencies, 'clock'>> = {},
): Steps {
  const clock = fakeClock(NOON)
  const random: Random = { ...systemRandom, fraction: () => 0.5 }
  const deps: StepDependencies = {
    issuers: createIssuers(issuers),
    budget: UNLIMITED,
    pace: unpaced(clock),
    outages: createOutages(clock),
    inspector: aCustomer(),
    keyMaker: createKeyMaker(),
    sealer: createSealer([Buffer.alloc(32, 1)]),
    clock,
    random,
    putAnswers: async () => {},
    findCertificate: async () => undefined,
    isDelegated: async () => false,
    isServedElsewhere: async () => false,
    ...changes,
  }
  const record = aHostname()
  const steps: Steps = {
    clock,
    deps,
    take(issuance, change = {}) {
      const changed = { ...record, ...change }
      const chain = chainOf(changed, 'ecdsa')
      if (!chain) throw new Error('the record has no ECDSA chain')
      const { signal } = new AbortController()
      return takeStep({ record: changed, chain: { ...chain, issuance }, signal }, deps)
    },
    async advance(issuance, change) {
      return advance(issuance, eventOf(await steps.take(issuance, change)), clock.now())
    },
  }
  return steps
}

export function eventOf(outcome: StepOutcome | undefined): IssuanceEvent {
  if (outcome?.kind !== 'event') throw new Error(`no event: ${outcome?.kind}`)
  return outcome.event
}
