import type { Clock } from '#lib/clock.ts'

import type { Resolver } from '../dns/resolver.ts'
import type { Inspector } from '../lifecycle/inspector.ts'
import { createChallengeCheck } from './challenge-check.ts'
import { createOwnershipCheck } from './ownership-check.ts'
import type { FetchWellKnown } from './well-known-fetch.ts'

export interface NetworkInspectorOptions {
  resolver: Resolver
  fetchWellKnown: FetchWellKnown
  clock: Clock
}

const PREFLIGHT_USER_AGENT = 'Custos (http-01 preflight)'

/** Looks at the customer's side over DNS and HTTP. */
export function createNetworkInspector(options: NetworkInspectorOptions): Inspector {
  const { fetchWellKnown } = options
  return {
    inspectOwnership: createOwnershipCheck(options),
    inspectChallenge: createChallengeCheck({ fetchWellKnown, userAgent: PREFLIGHT_USER_AGENT }),
    inspectPermission: async () => ({ isPermitted: true }),
  }
}
