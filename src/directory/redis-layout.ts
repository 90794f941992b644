import type { Hostname } from '#domain/hostname.ts'

import { corrupt } from './bytes.ts'
import type { ChangeId } from './directory.ts'

/**
 * The directory in Redis. All keys share the hash tag `{custos}`, so that in a Cluster they live in
 * one slot and a script may touch several of them.
 *
 * | key                       | type   | what                                                     |
 * |---------------------------|--------|----------------------------------------------------------|
 * | `{custos}:epoch`          | string | which filling this is; absent: not filled                |
 * | `{custos}:binding:<name>` | string | encoded binding (binding-codec.ts)                       |
 * | `{custos}:names`          | zset   | names that have a binding, all with score 0, for paging  |
 * | `{custos}:intermediate:…` | string | DER, by SHA-256                                          |
 * | `{custos}:answer:…`       | string | `<expires at>:<body>`, with PX                           |
 * | `{custos}:ticket-keys`    | string | encoded ticket keys                                      |
 * | `{custos}:changes`        | stream | fields `k` (kind) and `n` (name), about `MAXLEN` entries |
 * | `{custos}:edges`          | hash   | edge id → received at (Redis's clock) and heartbeat      |
 */
export const EPOCH_KEY = '{custos}:epoch'
export const NAMES_KEY = '{custos}:names'
export const TICKET_KEYS_KEY = '{custos}:ticket-keys'
export const CHANGES_KEY = '{custos}:changes'
export const EDGES_KEY = '{custos}:edges'

export function bindingKey(name: Hostname | ''): string {
  return `{custos}:binding:${name}`
}

export function intermediateKey(id: string): string {
  return `{custos}:intermediate:${id}`
}

export function answerKey(name: Hostname, path: string): string {
  return `{custos}:answer:${name}${path}`
}

/**
 * A stream's ids are `<milliseconds of Redis's clock>-<count>` without leading zeros; with them, they
 * compare as strings. Redis never counts back while the stream lives; for a new stream after a loss
 * the publisher sees to it.
 */
const MS_DIGITS = 15
const COUNT_DIGITS = 10

/** @throws {DirectoryError} `corrupt` */
export function changeIdOf(streamId: string | undefined): ChangeId {
  const [, ms, count] = /^(\d{1,15})-(\d{1,10})$/.exec(streamId ?? '') ?? []
  if (ms === undefined || count === undefined) throw corrupt(`not a stream id: ${streamId}`)
  return `${ms.padStart(MS_DIGITS, '0')}-${count.padStart(COUNT_DIGITS, '0')}`
}

/** Undefined for an id of another kind of directory. */
export function streamIdOf(id: ChangeId): string | undefined {
  const [, ms, count] = /^(\d{15})-(\d{10})$/.exec(id) ?? []
  return ms && count && `${Number(ms)}-${Number(count)}`
}

export function millisecondOf(id: ChangeId): number {
  return Number(id.slice(0, MS_DIGITS))
}
