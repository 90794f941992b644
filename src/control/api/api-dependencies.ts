import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import type { Store } from '#store/store.ts'

import type { Diagnose } from '../diagnosis/diagnose.ts'
import type { CsrMaker } from '../certificates/csr-maker.ts'
import type { UploadReader } from '../certificates/upload-reader.ts'
import type { Authenticate } from './auth.ts'

/** All that the API needs from its surroundings. */
export interface ApiDependencies {
  store: Store
  clock: Clock
  random: Random
  log: Logger
  settings: ApiSettings
  authenticate: Authenticate
  lifecycle: ApiLifecycle
  diagnose: Diagnose
  uploads: UploadReader
  csrMaker: CsrMaker
  /** Everything measured, in the Prometheus text format. */
  metrics(): Promise<string>
  readiness(): Promise<Readiness>
}

export interface ApiLifecycle {
  /**
   * Takes a record that was just created or edited through its first steps within a small time
   * budget. Never throws: what it could not do, the loop does later.
   */
  begin(id: string): Promise<void>
  /** A record was edited: orders that it had, and has no more, are given up. Never throws. */
  dropOrders(before: CustomHostname, after: CustomHostname): Promise<void>
  /** Something became due: the loop need not sleep on. */
  wake(): void
}

export interface Readiness {
  ready: boolean
  /** Sentences; empty when ready. */
  reasons: readonly string[]
}

export interface ApiSettings {
  /** Permits `.test`, `.localhost` and the like in hostnames and custom origins. */
  allowReservedTlds: boolean
  /** What customers point their CNAME at where a zone has none of its own. */
  cnameTarget?: string | undefined
  /** Name of the DCV delegation zone; undefined: no delegation. */
  dcvZone?: string | undefined
  /** Custom hostnames a zone may have. @default no limit */
  quota?: Quota | undefined
  rateLimits?: Partial<RateLimits>
  /** Largest request body in bytes. @default DEFAULT_BODY_LIMIT_BYTES */
  bodyLimitBytes?: number
}

export interface Quota {
  /** From here on creating still works, with a warning in `messages`. */
  allocated: number
  /** From here on creating is refused. */
  hardCap: number
}

export interface RateLimits {
  /** Requests a token may make each minute. @default 30000 */
  requestsPerToken: number
  /** Failed authentications an address may cause each minute. @default 30 */
  failuresPerAddress: number
}

/**
 * Two certificate chains with keys in PEM and 4 KB of metadata fit many times over; a body is held
 * in memory and parsed at once, so it must not be larger than what any request needs.
 */
export const DEFAULT_BODY_LIMIT_BYTES = 256 * 1024
