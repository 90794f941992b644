import type { Binding, WellKnownAnswer } from '#domain/binding.ts'
import type { Hostname } from '#domain/hostname.ts'

import type { Sighting } from './sighting.ts'

/**
 * Where edges find bindings. Derived from the store, thrown away and rebuilt at any time.
 *
 * Two ports: edges read (and report themselves), the control plane publishes. Both reject with a
 * `DirectoryError` of kind `unavailable` while the directory cannot be reached, and also while it
 * was never filled (it has no epoch): an empty directory after a loss must look like one that is
 * down, never like "no such name".
 */
export interface EdgeDirectory extends AsyncDisposable {
  /**
   * Finds the binding of a name: the exact one first, then the one of its parent if that is a
   * wildcard. One round trip.
   */
  findBinding(name: Hostname): Promise<Binding | undefined>
  /** The unexpired answer for this name and path. */
  findAnswer(name: Hostname, path: string, now: number): Promise<WellKnownAnswer | undefined>
  /** Newest first; the first encrypts, all decrypt. Empty while nothing was published. */
  listTicketKeys(): Promise<TicketKey[]>
  /**
   * Changes after `after` (undefined: from now on), in order, in batches, until `signal` aborts.
   * The first batch may be empty; it says where "now" is. Never ends by itself and never throws for
   * a passing fault: it yields a batch with `gap: true` when changes may have been missed (the log
   * was cut or lost, the connection was away), whereupon the reader must distrust all it holds.
   */
  watch(after: ChangeId | undefined, signal: AbortSignal): AsyncIterable<ChangeBatch>
  /** Reports that this edge lives and what it has applied. Lasts `HEARTBEAT_TTL_MS`. */
  beat(heartbeat: Heartbeat): Promise<void>
  /** Withdraws the report: the edge is going away, deployments need not wait for it. */
  leave(edgeId: string): Promise<void>
  close(): Promise<void>
}

export interface DirectoryPublisher extends AsyncDisposable {
  /**
   * Writes the binding and its change entry, both or neither. A binding whose serial is smaller than
   * the one there is not written, but still gets a change entry.
   */
  publish(binding: Binding): Promise<ChangeId>
  /** Removes the binding (whatever its serial) and writes a `removed` change entry. */
  withdraw(name: Hostname, hostnameId: string): Promise<ChangeId>
  putAnswer(answer: WellKnownAnswer): Promise<void>
  removeAnswer(name: Hostname, path: string): Promise<void>
  /** As on the edge's side; empty (never `unavailable`) while the directory was never filled. */
  listTicketKeys(): Promise<TicketKey[]>
  /** Replaces them all and writes a `ticket-keys` change entry. */
  putTicketKeys(keys: readonly TicketKey[]): Promise<ChangeId>
  /** Edges that reported within `HEARTBEAT_TTL_MS` of `now`. */
  listEdges(now: number): Promise<Heartbeat[]>
  /** Removes bindings of names that `isKnown` does not know: leftovers of a lost withdrawal. */
  sweep(isKnown: (name: Hostname, hostnameId: string) => Promise<boolean>): Promise<number>
  /** Which filling of the directory this is; undefined where it was never filled, or lost. */
  readEpoch(): Promise<string | undefined>
  /** Declares the directory filled, by a change entry that tells watchers of a gap. */
  writeEpoch(epoch: string): Promise<ChangeId>
  /**
   * Whether a change that was written is missing although older ones are there: the directory came
   * back from an older copy of itself (a snapshot, a cut-off disk), or is another one. False where
   * the log was merely cut at its old end.
   */
  hasLost(change: ChangeId): Promise<boolean>
  close(): Promise<void>
}

/** A place in the change log. Later places compare greater as strings, across restarts and losses. */
export type ChangeId = string

export interface Change {
  id: ChangeId
  kind: 'published' | 'removed' | 'ticket-keys'
  /** The name concerned; for ticket keys the empty string. */
  name: Hostname | ''
}

export interface ChangeBatch {
  /** The place after this batch: what an edge reports once it has acted on all of it. */
  upTo: ChangeId
  changes: readonly Change[]
  gap: boolean
}

/** A worker process of an edge, seen from the control plane. */
export interface Heartbeat {
  edgeId: string
  applied: ChangeId
  at: number
  version: string
  /** What it saw lately, the oldest first, at most `MAX_SIGHTINGS`; undefined for nothing. */
  sightings?: readonly Sighting[]
}

/** An edge that was silent for so long counts as gone. */
export const HEARTBEAT_TTL_MS = 10_000
/** How often an edge reports when nothing changes. */
export const HEARTBEAT_EVERY_MS = 2_000

export const TICKET_KEY_CONTEXT = 'ticket-key'
export const TICKET_KEY_BYTES = 48

/** 48 bytes as OpenSSL wants them: name (16), HMAC key (16), AES key (16). Sealed at rest. */
export interface TicketKey {
  /** Context of the seal: `TICKET_KEY_CONTEXT`. */
  sealed: Uint8Array
  createdAt: number
}

export type DirectoryErrorKind = 'unavailable' | 'corrupt'

export class DirectoryError extends Error {
  override readonly name = 'DirectoryError'
  readonly kind: DirectoryErrorKind

  constructor(kind: DirectoryErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
