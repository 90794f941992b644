import type { DnsMetrics } from './dns-metrics.ts'
import { readQuery, type Query } from './query.ts'
import type { Admission, RateLimiter } from './rate-limiter.ts'
import type { Responder } from './responder.ts'
import { renderResponse, renderTruncated, udpLimitOf, type Response } from './response.ts'
import type { ServedZone } from './served-zone.ts'

export type Source = { transport: 'udp'; address: string } | { transport: 'tcp' }

/** From a message to its answer; undefined: say nothing. Never rejects for what a message holds. */
export type Handler = (message: Buffer, source: Source) => Promise<Buffer | undefined>

export interface HandlerOptions {
  zone: ServedZone
  respond: Responder
  limiter: RateLimiter
  metrics: DnsMetrics
  /** Queries that may wait for the store; more are not answered. @default 1000 */
  maxWaiting?: number
}

const MAX_TCP_BYTES = 65_535

export function createHandler(options: HandlerOptions): Handler {
  const { zone, respond, limiter, metrics, maxWaiting = 1_000 } = options
  let waiting = 0

  async function answer(query: Query, { transport }: Source): Promise<Response | 'truncate'> {
    if (query.problem !== undefined) return { rcode: query.problem }
    waiting += 1
    try {
      return await respond(query, transport)
    } finally {
      waiting -= 1
    }
  }

  /** Before any work is done for it: a query that is held back costs nothing but its parsing. */
  function holdBack(query: Query, admission: Exclude<Admission, 'answer'>): Buffer | undefined {
    const slips = admission === 'slip' && query.problem === undefined
    metrics[slips ? 'slipped' : 'dropped'].value += 1
    return slips ? renderTruncated(query, { rcode: 'NOERROR' }) : undefined
  }

  return async (message, source) => {
    const query = readQuery(message)
    if (!query) return void (metrics.ignored.value += 1)
    const admission = source.transport === 'udp' ? limiter.admit(source.address) : 'answer'
    if (admission !== 'answer') return holdBack(query, admission)
    if (waiting >= maxWaiting) return void (metrics.overloaded.value += 1)
    const response = await answer(query, source)
    if (response === 'truncate') {
      return query.problem === undefined ? renderTruncated(query, { rcode: 'NOERROR' }) : undefined
    }
    const type = query.problem === undefined ? query.question.type : undefined
    metrics.countAnswer(source.transport, type, response.rcode)
    const maxBytes = source.transport === 'udp' ? udpLimitOf(query) : MAX_TCP_BYTES
    return renderResponse(query, response, { maxBytes, zoneBytes: zone.bytes })
  }
}
