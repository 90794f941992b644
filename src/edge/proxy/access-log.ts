import type { Clock, Timer } from '#lib/clock.ts'

import type { Connection } from '../connection.ts'
import type { ProxyErrorKind } from '../error.ts'
import type { Exchange } from '../exchange.ts'

/** One finished request. */
export interface AccessRecord {
  exchange: Exchange
  requestId: string
  /** 0: the client went away before there was one. */
  status: number
  startedAt: number
  finishedAt: number
  /** From the start until a connection to the origin was there; undefined: there was none. */
  connectMs: number | undefined
  /** From the start until the origin's response head. */
  upstreamHeadMs: number | undefined
  upstreamReused: boolean
  error: ProxyErrorKind | undefined
}

export interface AccessLog {
  log(record: AccessRecord): void
  /** Lines lost because they came faster than they could be written. */
  readonly dropped: number
  /** Writes what is left. */
  close(): Promise<void>
}

export interface AccessLogOptions {
  clock: Clock
  /** Writes whole lines; one call at a time. */
  write: (lines: string) => void | Promise<void>
  /** Log the query of the path too: it often holds secrets. @default false */
  withQuery?: boolean
  /** How long lines may wait, in milliseconds. @default 500 */
  flushMs?: number
  /** Characters that may wait; beyond, lines are dropped and counted. @default 1 MiB */
  maxBuffered?: number
}

/** JSON lines, one a request, written in batches: a request never waits for the log. */
export function createAccessLog(options: AccessLogOptions): AccessLog {
  return new BufferedAccessLog(options)
}

export const noAccessLog: AccessLog = { log() {}, dropped: 0, close: () => Promise.resolve() }

class BufferedAccessLog implements AccessLog {
  dropped = 0
  readonly #options: Required<AccessLogOptions>
  #lines = ''
  #timer: Timer | undefined
  #writing: Promise<void> | undefined

  constructor(options: AccessLogOptions) {
    this.#options = { withQuery: false, flushMs: 500, maxBuffered: 1024 * 1024, ...options }
  }

  log(record: AccessRecord): void {
    if (this.#lines.length >= this.#options.maxBuffered) {
      this.dropped++
      return
    }
    this.#lines += renderRecord(record, this.#options.withQuery)
    if (!this.#timer && !this.#writing) {
      this.#timer = this.#options.clock.after(this.#options.flushMs, () => this.#flush())
    }
  }

  async close(): Promise<void> {
    while (this.#lines.length > 0 || this.#writing) {
      this.#flush()
      await this.#writing
    }
    this.#timer?.cancel()
  }

  #flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#writing || this.#lines.length === 0) return
    const lines = this.#lines
    this.#lines = ''
    this.#writing = this.#write(lines).finally(() => {
      this.#writing = undefined
      if (this.#lines.length > 0) {
        this.#timer ??= this.#options.clock.after(this.#options.flushMs, () => this.#flush())
      }
    })
  }

  async #write(lines: string): Promise<void> {
    try {
      await this.#options.write(lines)
    } catch {
      // A full disk must not stop requests: what could not be written is counted.
      this.dropped += lines.split('\n').length - 1
    }
  }
}

function renderRecord(record: AccessRecord, withQuery: boolean): string {
  const { exchange } = record
  const line = {
    time: new Date(record.startedAt).toISOString(),
    request_id: record.requestId,
    host: exchange.hostname ?? exchange.authority,
    method: exchange.method,
    path: withQuery ? exchange.path : exchange.path.split('?', 1)[0],
    status: record.status,
    bytes_in: exchange.bytesIn,
    bytes_out: exchange.bytesOut,
    duration_ms: record.finishedAt - record.startedAt,
    upstream_connect_ms: record.connectMs,
    upstream_head_ms: record.upstreamHeadMs,
    upstream_reused: record.upstreamReused,
    protocol: `HTTP/${exchange.httpVersion}`,
    ...connectionFields(exchange.connection),
    error: record.error,
  }
  return `${JSON.stringify(line)}\n`
}

function connectionFields(connection: Connection): object {
  const { tls } = connection
  return {
    client: connection.remoteAddress,
    client_port: connection.remotePort,
    scheme: connection.scheme,
    tls: tls?.version,
    tls_resumed: tls?.resumed,
  }
}
