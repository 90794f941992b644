import type { TimelineEvent, TimelineKind } from '#domain/timeline.ts'

import type { PageOf } from './page.ts'

/**
 * What happened to each hostname. `create`, `update` and the outbox's `complete` write down, in their
 * own transaction, what differs between two versions of a record. Of each hostname the newest
 * `KEPT_EVENTS` are kept, and none once it is removed: what was removed is nobody's business any more.
 */
export interface TimelineStore {
  /**
   * Adds what no record shows, in this order, after all that is there. Passes over events of
   * hostnames that are gone, and a `handshake.first` where there is one already. What strangers can
   * cause the caller must bound: it would push out what is older.
   */
  append(events: readonly TimelineEvent[]): Promise<void>
  /** The newest first, by when it happened: edges report what they saw a little later. */
  list(hostnameId: string, page: TimelinePage): Promise<PageOf<RecordedEvent>>
}

/** Three years of renewals of both certificates, or a fortnight of a customer who gets nothing right. */
export const KEPT_EVENTS = 300

export interface TimelinePage {
  /** From 1. */
  page: number
  perPage: number
  /** Only events of this kind. */
  kind?: TimelineKind
}

export type RecordedEvent = TimelineEvent & {
  /** Grows with each event of the hostname and is never given again. */
  id: number
}
