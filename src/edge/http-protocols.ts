import type { LookupFunction } from 'node:net'

import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Metrics } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'

import type { BindingLookup, ProtocolServer } from './connection.ts'
import type { ExchangeListener } from './exchange.ts'
import { createHttp1Server } from './http1/http1-server.ts'
import { resolveHttpLimits, type HttpLimits } from './http-limits.ts'
import { createHttp2Server } from './http2/http2-server.ts'
import type { AccessLog } from './proxy/access-log.ts'
import { createAnswerRecorder, type AnswerRecorder } from './proxy/answer-recorder.ts'
import { HttpMetrics, registerUpstream } from './proxy/http-metrics.ts'
import { createProxy } from './proxy/proxy.ts'
import { createOriginTls } from './upstream/origin-tls.ts'
import { createUpstream } from './upstream/upstream.ts'

export interface HttpProtocolsOptions {
  bindings: BindingLookup
  clock: Clock
  random: Random
  logger: Logger
  metrics: Metrics
  /** Puts other answers before the proxy. @default none */
  withRules?: (next: ExchangeListener, record: AnswerRecorder) => ExchangeListener
  limits?: Partial<HttpLimits>
  /** Closed by `close`. @default none */
  accessLog?: AccessLog
  /** Roots trusted for origins beside the built-in ones, PEM each. @default none */
  originRoots?: readonly string[]
  /** How origins' names are looked up. @default the system's resolver */
  lookup?: LookupFunction
  /** Our pseudonym in Via. @default 'custos' */
  via?: string
  /** Our id in CDN-Loop, the same on all edges of one deployment. @default 'custos' */
  loopId?: string
}

export interface HttpProtocols {
  http1: ProtocolServer
  http2: ProtocolServer
  /** After both were drained: closes connections to origins, writes what is left of the log. */
  close(): Promise<void>
}

/** The whole HTTP side of one worker: both protocols, the proxy behind them, the origins behind it. */
export function createHttpProtocols(options: HttpProtocolsOptions): HttpProtocols {
  const { bindings, clock, random, logger, accessLog } = options
  const limits = resolveHttpLimits(options.limits)
  const metrics = new HttpMetrics(options.metrics)
  const upstream = createUpstream({
    clock,
    limits,
    tls: createOriginTls({ extraRoots: options.originRoots ?? [] }),
    ...(options.lookup && { lookup: options.lookup }),
  })
  registerUpstream(options.metrics, upstream.stats)
  const proxy = createProxy({
    bindings,
    upstream,
    clock,
    random,
    logger,
    metrics,
    limits,
    ...(accessLog && { accessLog }),
    ...(options.via !== undefined && { via: options.via }),
    ...(options.loopId !== undefined && { loopId: options.loopId }),
  })
  const record = createAnswerRecorder({ clock, metrics, accessLog })
  const handle = options.withRules ? options.withRules(proxy, record) : proxy
  return {
    http1: createHttp1Server({
      handle,
      clock,
      random,
      limits,
      onRefused: ({ kind, status }) => {
        metrics.countError({ kind })
        if (status !== undefined) metrics.countRequest('1.1', status)
      },
    }),
    http2: createHttp2Server({
      handle,
      clock,
      random,
      limits,
      onFlood: () => metrics.countError({ kind: 'overloaded' }),
    }),
    async close() {
      upstream.close()
      await accessLog?.close()
    },
  }
}
