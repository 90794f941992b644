import type { Heartbeat } from '#directory/directory.ts'
import { SYSTEM, type TimelineEvent } from '#domain/timeline.ts'
import type { Store } from '#store/store.ts'

import { SightingCollector, type EdgeSighting } from './sightings.ts'

/** Writes what edges saw of a hostname into its timeline. */
export type SightingRecorder = (edges: readonly Heartbeat[]) => Promise<void>

/** @param store its timeline drops a first handshake that it has */
export function createSightingRecorder(store: Pick<Store, 'timeline'>): SightingRecorder {
  const collector = new SightingCollector()
  return async (edges) => {
    const events = collector.collect(edges).flatMap(toEvent)
    if (events.length > 0) await store.timeline.append(events)
  }
}

/** An edge that has no binding of the name saw it for nobody. */
function toEvent({ kind, hostnameId, at, detail }: EdgeSighting): TimelineEvent[] {
  if (hostnameId === undefined) return []
  const common = { hostnameId, at, by: SYSTEM, details: { detail } }
  switch (kind) {
    case 'challenge-fetched':
      return [{ kind: 'challenge.fetched', ...common }]
    case 'first-handshake':
      return [{ kind: 'handshake.first', ...common }]
    default:
      return kind satisfies never
  }
}
