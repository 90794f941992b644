import type { Cell, MetricFamily, Metrics } from '#lib/metrics.ts'

import type { ErrorSource, ProxyError, ProxyErrorKind } from '../error.ts'
import { PROXY_ERROR_SOURCES } from '../error.ts'
import type { Exchange } from '../exchange.ts'
import type { UpstreamStats } from '../upstream/upstream.ts'

type Version = Exchange['httpVersion']

/** The edge's HTTP side in numbers: plain cells, found by array index on the hot path. */
export class HttpMetrics {
  readonly requestBytes: Cell
  readonly responseBytes: Cell
  readonly openRequests: Cell
  readonly retries: Cell
  /** Milliseconds, summed over all requests: by the number of requests, their mean. */
  readonly requestMs: Cell
  readonly #requests: Record<Version, Cell[]>
  readonly #errors: MetricFamily<'kind' | 'source'>
  readonly #errorCells = new Map<ProxyErrorKind, Cell>()

  constructor(metrics: Metrics) {
    const requests = metrics.counter<'protocol' | 'status'>({
      name: 'custos_edge_requests_total',
      help: 'Requests answered, by protocol and status class',
      labelNames: ['protocol', 'status'],
    })
    const cells = (version: Version): Cell[] =>
      ['0', '1xx', '2xx', '3xx', '4xx', '5xx'].map((status) =>
        requests.cell({ protocol: `HTTP/${version}`, status }),
      )
    this.#requests = { '1.0': cells('1.0'), '1.1': cells('1.1'), '2': cells('2') }
    this.#errors = metrics.counter<'kind' | 'source'>({
      name: 'custos_edge_errors_total',
      help: 'Requests that failed, by kind and by whose doing it was',
      labelNames: ['kind', 'source'],
    })
    const bytes = metrics.counter<'direction'>({
      name: 'custos_edge_body_bytes_total',
      help: 'Body bytes, from and to clients',
      labelNames: ['direction'],
    })
    this.requestBytes = bytes.cell({ direction: 'in' })
    this.responseBytes = bytes.cell({ direction: 'out' })
    this.openRequests = single(metrics, 'gauge', 'open_requests', 'Requests being handled')
    this.retries = single(metrics, 'counter', 'retries_total', 'Requests sent to an origin again')
    this.requestMs = single(metrics, 'counter', 'request_milliseconds_total', 'Time of requests')
  }

  countRequest(version: Version, status: number): void {
    const cell = this.#requests[version][Math.trunc(status / 100)]
    if (cell) cell.value++
  }

  countError(error: Pick<ProxyError, 'kind'>): void {
    const { kind } = error
    let cell = this.#errorCells.get(kind)
    if (!cell) {
      const source: ErrorSource = PROXY_ERROR_SOURCES[kind]
      cell = this.#errors.cell({ kind, source })
      this.#errorCells.set(kind, cell)
    }
    cell.value++
  }
}

/** Connections upstream, read at each scrape. */
export function registerUpstream(metrics: Metrics, stats: UpstreamStats): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    metrics.gauge({ name: `custos_edge_upstream_${name}`, help }, (family) => {
      family.cell({}).value = read()
    })
  }
  gauge('connections', 'Connections to origins', () => stats.open)
  gauge('idle_connections', 'Connections to origins that wait for a request', () => stats.idle)
  gauge('waiting_requests', 'Requests that wait for a connection', () => stats.waiting)
  gauge('dialled', 'Connections to origins made since start', () => stats.dialled)
  gauge('reused', 'Requests on a connection used before, since start', () => stats.reused)
}

function single(metrics: Metrics, type: 'counter' | 'gauge', name: string, help: string): Cell {
  return metrics[type]({ name: `custos_edge_${name}`, help }).cell({})
}
