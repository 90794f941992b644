import type { Clock } from '#lib/clock.ts'

import type { ProxyErrorKind } from '../error.ts'
import type { Exchange } from '../exchange.ts'
import { noAccessLog, type AccessLog } from './access-log.ts'
import type { HttpMetrics } from './http-metrics.ts'

/** An answer that no origin had a part in. */
export interface OwnAnswer {
  requestId: string
  status: number
  /** When the request came, in milliseconds since the epoch. */
  startedAt: number
  error: ProxyErrorKind | undefined
}

/** Counts and logs a request that was answered before the proxy. */
export type AnswerRecorder = (exchange: Exchange, answer: OwnAnswer) => void

export interface AnswerRecorderOptions {
  clock: Pick<Clock, 'now'>
  metrics: HttpMetrics
  /** @default none */
  accessLog?: AccessLog | undefined
}

export function createAnswerRecorder(options: AnswerRecorderOptions): AnswerRecorder {
  const { clock, metrics, accessLog = noAccessLog } = options
  return (exchange, answer) => {
    const { status, startedAt, error } = answer
    const finishedAt = clock.now()
    metrics.countRequest(exchange.httpVersion, status)
    metrics.responseBytes.value += exchange.bytesOut
    metrics.requestMs.value += finishedAt - startedAt
    if (error) metrics.countError({ kind: error })
    accessLog.log({
      ...answer,
      exchange,
      finishedAt,
      connectMs: undefined,
      upstreamHeadMs: undefined,
      upstreamReused: false,
    })
  }
}
