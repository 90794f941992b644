import { DEPLOYMENT_DEADLINE_MS } from './advance-issuance.ts'
import type { Origin } from './origin.ts'

/** A SaaS application: one fallback origin, one set of custom hostnames. */
export interface Zone {
  /** 32 lower-case hexadecimal digits. */
  id: string
  /** The application's own name, such as `saasprovider.com` or `default`; unique. */
  name: string
  createdAt: number
  fallbackOrigin: FallbackOrigin | undefined
  /** What customers point their CNAME at; the name of the fallback origin's zone where unset. */
  cnameTarget: string | undefined
  /** 16 lower-case hexadecimal digits, for `<hostname>.<uuid>.<DCV zone>`. */
  dcvDelegationUuid: string
  settings: ZoneSettings
}

export interface ZoneSettings {
  /** @default true */
  alwaysUseHttps: boolean
}

export interface FallbackOrigin {
  origin: Origin
  createdAt: number
  updatedAt: number
  /**
   * Whether hostnames are published with it: new ones are from the first instant on. A removal is under
   * way until every hostname was published without it.
   */
  state: 'active' | 'pending_deletion'
  /** Hostnames that were there before it have yet to reach every edge with it. */
  isDeploying?: true
}

/** The outward status (spec section 1.7); only those that Custos ever says. */
export type FallbackOriginStatus =
  | 'pending_deployment'
  | 'active'
  | 'pending_deletion'
  | 'deployment_timed_out'
  | 'deletion_timed_out'

/** A change that not every edge has applied in time is not given up: it is late. */
export function fallbackOriginStatus(origin: FallbackOrigin, now: number): FallbackOriginStatus {
  const isLate = origin.updatedAt + DEPLOYMENT_DEADLINE_MS <= now
  if (origin.state === 'pending_deletion') return isLate ? 'deletion_timed_out' : 'pending_deletion'
  if (!origin.isDeploying) return 'active'
  return isLate ? 'deployment_timed_out' : 'pending_deployment'
}

/** Whether no change of it is under way. */
export function isSettled({ state, isDeploying }: FallbackOrigin): boolean {
  return state === 'active' && !isDeploying
}
