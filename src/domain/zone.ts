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
   * A removal is under way until every hostname was published without it. A new origin counts as
   * `active` at once: each hostname's own deployment says when it is in use.
   */
  state: 'active' | 'pending_deletion'
}
