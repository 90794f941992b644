import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'

import type { BindingLookup } from '../connection.ts'
import type { HttpLimits } from '../http-limits.ts'
import type { Sweeper } from '../sweeper.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { AccessLog } from './access-log.ts'
import type { HttpMetrics } from './http-metrics.ts'
import type { ForwardingNames } from './request-headers.ts'

/** What every request needs. */
export interface ProxyContext {
  bindings: BindingLookup
  upstream: Upstream
  clock: Clock
  random: Random
  logger: Logger
  metrics: HttpMetrics
  limits: HttpLimits
  accessLog: AccessLog
  sweeper: Sweeper
  names: ForwardingNames
}
