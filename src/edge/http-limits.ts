/**
 * Every bound of the edge's HTTP side. Times in milliseconds, sizes in bytes. Times are looked at
 * every `sweepMs`.
 */
export interface HttpLimits {
  /** How often deadlines are looked at. @default 250 */
  sweepMs: number

  // Downstream.
  /** HTTP/1.1 connections of a worker; beyond, the one that waits for longest gives way. @default 32,768 */
  maxConnections: number
  /** Request line and headers together, trailers too. @default 32 KiB */
  maxRequestHeadBytes: number
  /** Header fields of a request. @default 200 */
  maxRequestHeaders: number
  /** Whole request bodies. @default Infinity: origins have their own limits */
  maxRequestBodyBytes: number
  /** From the connection, or the request's first byte, to the end of its head. @default 20 s */
  requestHeadMs: number
  /** Between two pieces of a request body that is waited for. @default 60 s */
  requestBodyIdleMs: number
  /** A client that takes no byte of what waits for it. @default 60 s */
  clientStalledMs: number
  /** An HTTP/1.1 connection between requests. @default 75 s */
  keepAliveMs: number
  /** How long an answered request may go on sending its body before it is cut off. @default 5 s */
  lingerMs: number
  /** How many bytes of it. @default 4 MiB */
  lingerBytes: number
  /** A draining HTTP/1.1 connection that has not had a request yet. @default 1 s */
  drainFreshMs: number

  // HTTP/2.
  /** @default 128 */
  maxConcurrentStreams: number
  /** An HTTP/2 connection without streams. @default 120 s */
  http2IdleMs: number
  /** Receive window of a stream: what a stream may hold in memory. @default 128 KiB */
  streamWindowBytes: number
  /** Memory of one session, in megabytes. @default 8 */
  maxSessionMemoryMb: number
  /** PING, SETTINGS, PRIORITY and cancelled streams a session may cost: burst. @default 200 */
  controlFrameBurst: number
  /** The same, per second. @default 50 */
  controlFrameRate: number

  // Tunnels.
  /** A WebSocket without a byte either way. @default 10 min */
  tunnelIdleMs: number

  // Upstream.
  /** Connections to one origin, in one worker, tunnels not counted. @default 4096 */
  maxOriginConnections: number
  /** Requests waiting for a connection to one origin. @default 1024 */
  maxOriginWaiting: number
  /** Idle connections of all origins together. @default 2048 */
  maxIdleConnections: number
  /** An unused connection; shorter where the origin says so (Keep-Alive: timeout). @default 30 s */
  originIdleMs: number
  /** Look-up and TCP. @default 10 s */
  connectMs: number
  /** TLS with the origin, after TCP. @default 10 s */
  originTlsMs: number
  /** An origin that takes no byte of the request. @default 60 s */
  originSendMs: number
  /** From the end of the request to the response head. @default 100 s */
  responseHeadMs: number
  /** Between two pieces of a response body. @default 120 s */
  responseBodyIdleMs: number
  /** Status line and headers of a response; trailers too. @default 64 KiB */
  maxResponseHeadBytes: number
}

export const DEFAULT_HTTP_LIMITS: Readonly<HttpLimits> = Object.freeze({
  sweepMs: 250,
  maxConnections: 32_768,
  maxRequestHeadBytes: 32 * 1024,
  maxRequestHeaders: 200,
  maxRequestBodyBytes: Infinity,
  requestHeadMs: 20_000,
  requestBodyIdleMs: 60_000,
  clientStalledMs: 60_000,
  keepAliveMs: 75_000,
  lingerMs: 5_000,
  lingerBytes: 4 * 1024 * 1024,
  drainFreshMs: 1_000,
  maxConcurrentStreams: 128,
  http2IdleMs: 120_000,
  streamWindowBytes: 128 * 1024,
  maxSessionMemoryMb: 8,
  controlFrameBurst: 200,
  controlFrameRate: 50,
  tunnelIdleMs: 600_000,
  maxOriginConnections: 4096,
  maxOriginWaiting: 1024,
  maxIdleConnections: 2048,
  originIdleMs: 30_000,
  connectMs: 10_000,
  originTlsMs: 10_000,
  originSendMs: 60_000,
  responseHeadMs: 100_000,
  responseBodyIdleMs: 120_000,
  maxResponseHeadBytes: 64 * 1024,
})

/** @throws {RangeError} naming the field and the value where a limit is not a positive number */
export function resolveHttpLimits(overrides: Partial<HttpLimits> = {}): Readonly<HttpLimits> {
  const limits = { ...DEFAULT_HTTP_LIMITS, ...overrides }
  for (const [name, value] of Object.entries(limits)) {
    if (!(value > 0)) throw new RangeError(`${name} must be a positive number: received ${value}`)
  }
  return Object.freeze(limits)
}
