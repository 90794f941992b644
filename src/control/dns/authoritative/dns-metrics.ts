import type { Cell, MetricFamily, Metrics } from '#lib/metrics.ts'

import { TYPE, type Rcode } from '../wire.ts'
import type { Transport } from './lookups.ts'

/** Types that are counted by name; a scan of all 65,536 must not make as many series. */
const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TYPE).map(([name, type]) => [type, name]),
)

type AnswerLabel = 'transport' | 'type' | 'rcode'

/** What the DNS server did with what it got. */
export class DnsMetrics {
  /** Queries to which nothing is said: less than a header, or themselves answers. */
  readonly ignored: Cell
  /** Held back by response rate limiting, without a word. */
  readonly dropped: Cell
  /** Held back by response rate limiting, with an answer that says to come by TCP. */
  readonly slipped: Cell
  /** Not answered because too many queries were waiting for the store. */
  readonly overloaded: Cell
  /** Sent to TCP, or failed there, because too many unknown names were asked for. */
  readonly postponed: Cell
  readonly tcpAccepted: Cell
  /** Closed at once: one prefix had too many. */
  readonly tcpRefused: Cell
  /** Closed while idle to make room for a new one. */
  readonly tcpCrowdedOut: Cell
  readonly #answers: MetricFamily<AnswerLabel>

  constructor(metrics: Metrics) {
    this.#answers = metrics.counter<AnswerLabel>({
      name: 'custos_dns_queries_total',
      help: 'Queries to the built-in DNS server that were answered, by what was asked and said.',
      labelNames: ['transport', 'type', 'rcode'],
    })
    const unanswered = metrics.counter<'reason'>({
      name: 'custos_dns_held_back_total',
      help: 'Queries to the built-in DNS server that got no answer, or one that says to use TCP.',
      labelNames: ['reason'],
    })
    this.ignored = unanswered.cell({ reason: 'ignored' })
    this.dropped = unanswered.cell({ reason: 'dropped' })
    this.slipped = unanswered.cell({ reason: 'slipped' })
    this.overloaded = unanswered.cell({ reason: 'overloaded' })
    this.postponed = unanswered.cell({ reason: 'postponed' })
    const connections = metrics.counter<'result'>({
      name: 'custos_dns_connections_total',
      help: 'TCP connections to the built-in DNS server.',
      labelNames: ['result'],
    })
    this.tcpAccepted = connections.cell({ result: 'accepted' })
    this.tcpRefused = connections.cell({ result: 'refused' })
    this.tcpCrowdedOut = connections.cell({ result: 'crowded-out' })
  }

  /** @param type undefined: the question could not be read */
  countAnswer(transport: Transport, type: number | undefined, rcode: Rcode): void {
    const name = type === undefined ? 'none' : (TYPE_NAMES.get(type) ?? 'other')
    this.#answers.cell({ transport, type: name, rcode }).value += 1
  }
}
