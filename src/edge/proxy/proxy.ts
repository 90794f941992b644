import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'

import type { BindingLookup } from '../connection.ts'
import type { ExchangeListener } from '../exchange.ts'
import type { HttpLimits } from '../http-limits.ts'
import { Sweeper } from '../sweeper.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { noAccessLog, type AccessLog } from './access-log.ts'
import { RequestFlow } from './request-flow.ts'
import type { HttpMetrics } from './http-metrics.ts'
import type { ProxyContext } from './proxy-context.ts'

export interface ProxyDeps {
  bindings: BindingLookup
  upstream: Upstream
  clock: Clock
  random: Random
  logger: Logger
  metrics: HttpMetrics
  limits: HttpLimits
  /** @default none */
  accessLog?: AccessLog
  /** Our pseudonym in Via. @default 'custos' */
  via?: string
  /**
   * Our id in CDN-Loop: the same on all edges of one deployment, another one on another deployment,
   * which may rightly stand before or behind this one. @default 'custos'
   */
  loopId?: string
}

/** Answers exchanges from origins. */
export function createProxy(deps: ProxyDeps): ExchangeListener {
  const { via = 'custos', loopId = 'custos', accessLog = noAccessLog, ...rest } = deps
  const sweeper = new Sweeper(deps.clock, deps.limits.sweepMs)
  const shared: ProxyContext = { ...rest, accessLog, sweeper, names: { via, loopId } }
  return (exchange) => new RequestFlow(exchange, shared).start()
}
