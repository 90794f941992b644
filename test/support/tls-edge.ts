import type { Duplex } from 'node:stream'

import type { Connection, ProtocolServer } from '#edge/connection.ts'
import { BindingCache, type LookupTier } from '#edge/bindings.ts'
import { Sightings } from '#edge/sightings.ts'
import { Challenges } from '#edge/tls/challenges.ts'
import { createTlsContexts } from '#edge/tls/context.ts'
import { HandshakeMetrics } from '#edge/tls/handshake-metrics.ts'
import { TlsListener, type TlsLimits } from '#edge/tls/listener.ts'
import { TicketKeys } from '#edge/tls/ticket-keys.ts'
import { normaliseServerName } from '#domain/hostname.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import { silentLogger, type Logger } from '#lib/log.ts'
import { Metrics, type Cell } from '#lib/metrics.ts'
import { systemRandom } from '#lib/random.ts'

import { memoryDirectory, type MemoryDirectory } from './memory-directory.ts'
import { testSealer } from './test-binding.ts'

/** A protocol room that tells the client what it was handed, as one line of JSON, and closes. */
export interface ReportingRoom extends ProtocolServer {
  readonly accepted: Connection[]
  readonly sockets: Duplex[]
  /** Keeps connections open instead of closing them. */
  keepOpen: boolean
}

export function reportingRoom(): ReportingRoom {
  const open = new Set<Duplex>()
  const room: ReportingRoom = {
    accepted: [],
    sockets: [],
    keepOpen: false,
    accept(socket, connection) {
      room.accepted.push(connection)
      room.sockets.push(socket)
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => open.delete(socket))
      socket.resume()
      const { tls, ...rest } = connection
      const line = JSON.stringify({ ...rest, tls: { ...tls, binding: tls?.binding.hostname } })
      socket.write(`${line}\n`)
      if (!room.keepOpen) socket.end()
    },
    get openConnections() {
      return open.size
    },
    async drain() {
      for (const socket of open) socket.destroy()
    },
  }
  return room
}

export interface TestTlsEdge extends AsyncDisposable {
  readonly port: number
  readonly directory: MemoryDirectory
  readonly bindings: BindingCache
  readonly ticketKeys: TicketKeys
  readonly listener: TlsListener
  readonly sightings: Sightings
  readonly http1: ReportingRoom
  readonly http2: ReportingRoom
  /** Handshakes by result. */
  handshakes(): Promise<Record<string, number>>
}

export interface TestTlsEdgeOptions {
  directory?: MemoryDirectory
  clock?: Clock
  logger?: Logger
  defaultHostname?: string
  /** @default 16 MiB */
  cacheBytes?: number
  limits?: Partial<TlsLimits>
}

/** The TLS port of one worker with reporting rooms behind it. */
export async function startTlsEdge(options: TestTlsEdgeOptions = {}): Promise<TestTlsEdge> {
  const { clock = systemClock, logger = silentLogger, limits = {} } = options
  const { cacheBytes = 16 * 1024 * 1024 } = options
  const directory = options.directory ?? memoryDirectory()
  const metrics = new Metrics()
  const sealer = testSealer
  const ticketKeys = new TicketKeys({ directory, sealer, random: systemRandom, logger })
  await ticketKeys.refresh()
  const contexts = createTlsContexts({ sealer, ticketKeys, clock, logger })
  const lookups = lookupCells()
  const bindings = new BindingCache({ directory, contexts, clock, lookups, cacheBytes })
  const sightings = new Sightings({ clock, dropped: { value: 0 } })
  const http1 = reportingRoom()
  const http2 = reportingRoom()
  const listener = await TlsListener.start({
    address: { host: '127.0.0.1', port: 0 },
    bindings,
    challenges: new Challenges({ directory, bindings, clock, random: systemRandom }),
    http1,
    http2,
    clock,
    logger,
    metrics: new HandshakeMetrics(metrics),
    sightings,
    dropped: { value: 0 },
    defaultHostname: normaliseServerName(options.defaultHostname ?? ''),
    limits,
  })
  return {
    port: listener.address.port,
    directory,
    bindings,
    ticketKeys,
    listener,
    sightings,
    http1,
    http2,
    handshakes: () => countHandshakes(metrics),
    async [Symbol.asyncDispose]() {
      await listener.close(AbortSignal.abort())
      for (const room of [http1, http2]) await room.drain(AbortSignal.abort())
    },
  }
}

export function lookupCells(): Record<LookupTier, Cell> {
  const cell = (): Cell => ({ value: 0 })
  return {
    memory: cell(),
    negative: cell(),
    directory: cell(),
    stale: cell(),
    refused: cell(),
    unavailable: cell(),
  }
}

async function countHandshakes(metrics: Metrics): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const metric of await metrics.snapshot()) {
    if (metric.name !== 'custos_edge_handshakes_total') continue
    for (const { labels, value } of metric.values) {
      const result = String(labels['result'])
      counts[result] = (counts[result] ?? 0) + value
    }
  }
  return counts
}
