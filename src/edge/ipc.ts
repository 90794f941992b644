import type { ListenAddress } from '#config/config.ts'
import { ListenError, type ListenErrorKind } from '#lib/listen-error.ts'
import type { MetricSnapshot } from '#lib/metrics.ts'

/** What the primary tells a worker process. */
export type PrimaryMessage =
  | { type: 'start'; https: ListenAddress; http: ListenAddress }
  | { type: 'measure'; request: number }
  | { type: 'close'; now: boolean }

/** What a worker process tells the primary. */
export type WorkerMessage =
  /** It accepts connections, on these ports. */
  | { type: 'ready'; edgeId: string; https: ListenAddress; http: ListenAddress }
  /** It cannot start; it ends now. */
  | { type: 'failed'; failure: WorkerFailure }
  | { type: 'measured'; request: number; snapshot: MetricSnapshot }

export type WorkerFailure =
  | { kind: ListenErrorKind; address: ListenAddress }
  | { kind: 'other'; message: string }

/** @returns undefined where it is no message of ours: a worker must not fall over a stray one */
export function parsePrimaryMessage(value: unknown): PrimaryMessage | undefined {
  if (!isRecord(value)) return undefined
  const { type, https, http, request, now } = value
  if (type === 'start' && isAddress(https) && isAddress(http)) return { type, https, http }
  if (type === 'measure' && isCount(request)) return { type, request }
  if (type === 'close' && typeof now === 'boolean') return { type, now }
  return undefined
}

/** @returns undefined where it is no message of ours */
export function parseWorkerMessage(value: unknown): WorkerMessage | undefined {
  if (!isRecord(value)) return undefined
  const { type, edgeId, https, http, request, snapshot, failure } = value
  if (type === 'ready' && typeof edgeId === 'string' && isAddress(https) && isAddress(http)) {
    return { type, edgeId, https, http }
  }
  if (type === 'failed' && isFailure(failure)) return { type, failure }
  if (type === 'measured' && isCount(request) && isSnapshot(snapshot)) {
    return { type, request, snapshot }
  }
  return undefined
}

/** Errors do not travel between processes whole: what is needed of them does. */
export function toFailure(error: unknown): WorkerFailure {
  if (error instanceof ListenError) return { kind: error.kind, address: error.address }
  return { kind: 'other', message: error instanceof Error ? error.message : String(error) }
}

export function fromFailure(failure: WorkerFailure): Error {
  return failure.kind === 'other'
    ? new Error(`Cannot start an edge worker: ${failure.message}`)
    : new ListenError(failure.kind, failure.address)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isAddress(value: unknown): value is ListenAddress {
  if (!isRecord(value)) return false
  const { host, port } = value
  return typeof host === 'string' && isCount(port) && port >= 0 && port <= 65_535
}

const LISTEN_ERROR_KINDS: readonly unknown[] = [
  'address-in-use',
  'address-not-available',
  'permission-denied',
] satisfies readonly ListenErrorKind[]

function isFailure(value: unknown): value is WorkerFailure {
  if (!isRecord(value)) return false
  if (value['kind'] === 'other') return typeof value['message'] === 'string'
  return LISTEN_ERROR_KINDS.includes(value['kind']) && isAddress(value['address'])
}

/** Deep enough for what renders it: a list of metrics with names and lists of values. */
function isSnapshot(value: unknown): value is MetricSnapshot {
  return Array.isArray(value) && value.every((metric) => isMetric(metric))
}

function isMetric(value: unknown): boolean {
  if (!isRecord(value)) return false
  return typeof value['name'] === 'string' && Array.isArray(value['values'])
}
