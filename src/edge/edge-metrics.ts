import type { Binding } from '#domain/binding.ts'
import type { KeyAlgorithm } from '#domain/certificate.ts'
import type { Clock } from '#lib/clock.ts'
import type { Cell, MetricFamily, Metrics } from '#lib/metrics.ts'

import type { LookupTier } from './bindings.ts'
import { HandshakeMetrics } from './tls/handshake-metrics.ts'

/** What a worker counts besides requests. */
export interface EdgeMetrics {
  handshakes: HandshakeMetrics
  lookups: Readonly<Record<LookupTier, Cell>>
  plainAnswers: MetricFamily<'kind'>
  /** Connections refused because the port had too many. */
  dropped: Readonly<Record<'https' | 'http', Cell>>
  /** Sightings that no heartbeat carries any more although their time was not over. */
  droppedSightings: Cell
}

/** What is read off at each scrape. */
export interface EdgeGauges {
  connections(): Readonly<Record<'handshake' | 'http/1.1' | 'h2', number>>
  bindings(): Iterable<Binding>
  cacheBytes(): number
}

const DAY_MS = 86_400_000
/** Upper ends in days. */
const DAYS_LEFT = [
  ['expired', 0],
  ['0-1', 1],
  ['1-3', 3],
  ['3-7', 7],
  ['7-14', 14],
  ['14-30', 30],
  ['30-60', 60],
  ['60-', Number.POSITIVE_INFINITY],
] as const

export function createEdgeMetrics(metrics: Metrics): EdgeMetrics {
  const lookups = metrics.counter({
    name: 'custos_edge_lookups_total',
    help: 'Look-ups of bindings by where they were answered.',
    labelNames: ['tier'],
  })
  const dropped = metrics.counter({
    name: 'custos_edge_dropped_connections_total',
    help: 'Connections closed at once because the port had too many.',
    labelNames: ['port'],
  })
  const tier = (tier: LookupTier): Cell => lookups.cell({ tier })
  return {
    handshakes: new HandshakeMetrics(metrics),
    lookups: {
      memory: tier('memory'),
      negative: tier('negative'),
      directory: tier('directory'),
      stale: tier('stale'),
      refused: tier('refused'),
      unavailable: tier('unavailable'),
    },
    plainAnswers: metrics.counter({
      name: 'custos_edge_plain_answers_total',
      help: 'Requests that port 80 answered by itself, by kind of answer.',
      labelNames: ['kind'],
    }),
    droppedSightings: metrics
      .counter({
        name: 'custos_edge_dropped_sightings_total',
        help: 'Things seen that had to make room for newer ones before the control plane was sure to hear.',
      })
      .cell({}),
    dropped: { https: dropped.cell({ port: 'https' }), http: dropped.cell({ port: 'http' }) },
  }
}

export function registerEdgeGauges(metrics: Metrics, gauges: EdgeGauges, clock: Clock): void {
  metrics.gauge(
    {
      name: 'custos_edge_connections',
      help: 'Open connections of clients, by protocol; handshakes under way are their own.',
      labelNames: ['protocol'],
    },
    (family) => {
      for (const [protocol, count] of Object.entries(gauges.connections())) {
        family.cell({ protocol }).value = count
      }
    },
  )
  metrics.gauge(
    { name: 'custos_edge_cache_bytes', help: 'Bytes of hot bindings and their TLS contexts.' },
    (family) => {
      family.cell({}).value = gauges.cacheBytes()
    },
  )
  metrics.gauge(
    {
      name: 'custos_edge_certificates',
      help: 'Certificates of hot bindings, by key type and days left; one in several workers counts in each.',
      labelNames: ['key', 'days_left'],
    },
    (family) => countCertificates(family, { bindings: gauges.bindings(), now: clock.now() }),
  )
}

function countCertificates(
  family: MetricFamily<'key' | 'days_left'>,
  { bindings, now }: { bindings: Iterable<Binding>; now: number },
): void {
  const keys: readonly KeyAlgorithm[] = ['ecdsa', 'rsa']
  for (const key of keys) {
    for (const [days] of DAYS_LEFT) family.cell({ key, days_left: days }).value = 0
  }
  for (const { chains } of bindings) {
    for (const { keyAlgorithm, notAfter } of chains) {
      const days = (notAfter - now) / DAY_MS
      const [range] = DAYS_LEFT.find(([, end]) => days <= end) ?? ['60-']
      family.cell({ key: keyAlgorithm, days_left: range }).value += 1
    }
  }
}
