import { LARGE_BODY, SMALL_BODY } from './origin.ts'
import { runConnections } from './load/connections.ts'
import { runH2load } from './load/h2load.ts'
import type { LoadResult, Target } from './load/load.ts'
import type { Protocol } from './opponents/opponent.ts'

/** One line of the table: a load whose CPU time per request is measured. */
export interface Row {
  /** For `--only`. */
  readonly key: string
  readonly title: string
  readonly protocol: Protocol
  /** To find out how fast the opponent is, and to warm it up. */
  readonly firstRequests: number
  /** An upper bound, whatever the opponent's speed. */
  readonly maxRequests: number
  run(target: Target, requests: number): Promise<LoadResult>
}

const small = { path: '/small', bodyLength: SMALL_BODY.length }
const large = { path: '/large', bodyLength: LARGE_BODY.length }

export const ROWS: readonly Row[] = [
  {
    key: 'http1',
    title: 'HTTP/1.1, keep-alive, 32 connections, 100 B',
    protocol: 'http/1.1',
    firstRequests: 6_000,
    maxRequests: 200_000,
    run: (target, requests) =>
      runH2load({ ...target, ...small, protocol: 'http/1.1', requests, connections: 32 }),
  },
  {
    key: 'http2',
    title: 'HTTP/2, 16 connections × 8 streams, 100 B',
    protocol: 'h2',
    firstRequests: 6_000,
    maxRequests: 200_000,
    run: (target, requests) =>
      runH2load({ ...target, ...small, protocol: 'h2', requests, connections: 16, streams: 8 }),
  },
  {
    key: 'new',
    title: 'New TLS 1.3 connection (ECDSA) + 1 request',
    protocol: 'http/1.1',
    firstRequests: 600,
    maxRequests: 8_000,
    run: (target, connections) =>
      runConnections({ ...target, ...small, ...CONNECTING, connections, resume: false }),
  },
  {
    key: 'resumed',
    title: 'Resumed TLS 1.3 connection + 1 request',
    protocol: 'http/1.1',
    firstRequests: 600,
    maxRequests: 8_000,
    run: (target, connections) =>
      runConnections({ ...target, ...small, ...CONNECTING, connections, resume: true }),
  },
  {
    key: 'rsa',
    title: 'New TLS 1.3 connection (RSA-only client) + 1 request',
    protocol: 'http/1.1',
    firstRequests: 300,
    maxRequests: 4_000,
    run: (target, connections) =>
      runConnections({
        ...target,
        ...small,
        ...CONNECTING,
        connections,
        resume: false,
        keyType: 'rsa',
      }),
  },
  {
    key: 'large',
    title: 'HTTP/1.1, keep-alive, 8 connections, 1 MiB',
    protocol: 'http/1.1',
    firstRequests: 100,
    maxRequests: 4_000,
    run: (target, requests) =>
      runH2load({ ...target, ...large, protocol: 'http/1.1', requests, connections: 8 }),
  },
]

const CONNECTING = { concurrency: 16, keyType: 'ecdsa' } as const
