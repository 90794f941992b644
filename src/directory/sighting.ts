import type { Hostname } from '#domain/hostname.ts'

/**
 * Something an edge saw that the control plane would like to know. Edges write nothing but their
 * heartbeat, so it travels there: a while in every beat, so that a reader who comes now and then
 * misses none, and numbered, so that the reader can tell new from seen.
 */
export interface Sighting {
  /** Grows by one with each sighting of an edge, from 1. A gap: an edge saw more than it could keep. */
  sequence: number
  kind: SightingKind
  /** Undefined where the edge has no binding of that very name. */
  hostnameId?: string
  name: Hostname
  at: number
  /** For people: by whom, with what. Printable ASCII, at most `MAX_SIGHTING_DETAIL` characters. */
  detail: string
}

/** Stored by their place in the list: new ones go to its end. */
export const SIGHTING_KINDS = [
  /** Somebody was given the answer to a challenge. */
  'challenge-fetched',
  /** The first handshake of an edge with a chain that was issued lately. */
  'first-handshake',
] as const
export type SightingKind = (typeof SIGHTING_KINDS)[number]

/** What a heartbeat carries at most. */
export const MAX_SIGHTINGS = 64
/** How long it carries one: longer than a control plane takes to come back. */
export const SIGHTING_TTL_MS = 60_000
export const MAX_SIGHTING_DETAIL = 200
