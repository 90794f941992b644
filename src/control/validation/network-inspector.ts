import type { Clock } from '#lib/clock.ts'

import type { AuthoritativeResolver } from '../dns/resolver.ts'
import type { Inspector } from '../lifecycle/inspector.ts'
import { createChallengeCheck } from './challenge-check.ts'
import type { IsEdgeAddress } from './edge-prefixes.ts'
import { createOwnershipCheck } from './ownership-check.ts'
import { createPermissionCheck } from './permission-check.ts'
import type { FetchWellKnown } from './well-known-fetch.ts'

export interface NetworkInspectorOptions {
  resolver: AuthoritativeResolver
  fetchWellKnown: FetchWellKnown
  clock: Clock
  /** Where tls-alpn-01 is looked at. */
  tlsPort: number
  isEdgeAddress: IsEdgeAddress
  /** Name of our own DCV delegation zone; undefined: there is none. */
  dcvZone?: string | undefined
}

const PREFLIGHT_USER_AGENT = 'Custos (http-01 preflight)'

/** Looks at the customer's side over DNS, HTTP and TLS. */
export function createNetworkInspector(options: NetworkInspectorOptions): Inspector {
  return {
    inspectOwnership: createOwnershipCheck(options),
    inspectChallenge: createChallengeCheck({ ...options, userAgent: PREFLIGHT_USER_AGENT }),
    inspectPermission: createPermissionCheck(options),
  }
}
