import { LRUCache } from 'lru-cache'

import {
  MAX_SIGHTING_DETAIL,
  MAX_SIGHTINGS,
  SIGHTING_TTL_MS,
  type Sighting,
} from '#directory/sighting.ts'
import type { WellKnownAnswer } from '#domain/binding.ts'
import type { KeyAlgorithm } from '#domain/certificate.ts'
import type { Clock } from '#lib/clock.ts'
import type { Cell } from '#lib/metrics.ts'

import type { ConnectionTls } from './connection.ts'

export interface SightingsOptions {
  clock: Pick<Clock, 'now'>
  /** Sightings that had to make room before their time. */
  dropped: Cell
}

/** A chain that was issued lately: its first handshake is worth telling until then. */
export interface FreshChain {
  readonly certificateId: string
  readonly keyAlgorithm: KeyAlgorithm
  readonly until: number
}

export interface ChallengeFetch {
  type: 'http-01' | 'tls-alpn-01'
  answer: Pick<WellKnownAnswer, 'hostname' | 'body'>
  /** Of the name's own binding, where there is one. */
  hostnameId: string | undefined
  /** The client's address. */
  by: string
  /** As the client sent it; empty where it sent none. */
  userAgent?: string
}

/** Remembered, so that each is told once. */
const MAX_CHAINS = 4_096
const MAX_CHALLENGES = 1_024
/** Clients told of one challenge: a CA looks from several places, and we do before it. */
const MAX_CLIENTS = 4

/**
 * What this worker saw that the control plane would like to know, for the heartbeat. Clients make most
 * of it happen, so whatever they do it is a bounded list of bounded lines: a chain is told once, a
 * challenge once a client and for a few clients, and the oldest line makes room for the newest.
 */
export class Sightings {
  readonly #clock: Pick<Clock, 'now'>
  readonly #dropped: Cell
  readonly #shown = new LRUCache<string, true>({ max: MAX_CHAINS })
  readonly #fetched = new LRUCache<string, readonly string[]>({ max: MAX_CHALLENGES })
  #recent: Sighting[] = []
  #sequence = 0

  constructor({ clock, dropped }: SightingsOptions) {
    this.#clock = clock
    this.#dropped = dropped
  }

  /** What a heartbeat carries now; undefined for nothing. */
  recent(): readonly Sighting[] | undefined {
    const now = this.#clock.now()
    // What lies far in the future was seen before the clock was set back.
    this.#recent = this.#recent.filter(({ at }) => Math.abs(now - at) < SIGHTING_TTL_MS)
    return this.#recent.length > 0 ? this.#recent : undefined
  }

  /** A handshake with a context that has fresh chains. Allocates nothing for a chain told already. */
  noteHandshake(tls: ConnectionTls, fresh: readonly FreshChain[]): void {
    // A session that is resumed was begun before.
    if (tls.resumed) return
    for (const chain of fresh) {
      if (chain.keyAlgorithm === tls.keyAlgorithm) this.#noteChain(tls, chain)
    }
  }

  noteChallenge({ type, answer, hostnameId, by, userAgent = '' }: ChallengeFetch): void {
    const key = `${answer.hostname} ${answer.body}`
    const told = this.#fetched.get(key) ?? []
    const detail = inPrint(`${type} by ${by}${userAgent && `, ${userAgent}`}`)
    if (told.length >= MAX_CLIENTS || told.includes(detail)) return
    this.#fetched.set(key, [...told, detail])
    this.#add({ kind: 'challenge-fetched', name: answer.hostname, hostnameId, detail })
  }

  #noteChain(tls: ConnectionTls, { certificateId, until }: FreshChain): void {
    if (this.#shown.get(certificateId) || this.#clock.now() >= until) return
    this.#shown.set(certificateId, true)
    this.#add({
      kind: 'first-handshake',
      name: tls.serverName,
      hostnameId: tls.binding.hostnameId,
      detail: `${tls.keyAlgorithm}, ${tls.version}`,
    })
  }

  #add(
    seen: Pick<Sighting, 'kind' | 'name' | 'detail'> & { hostnameId: string | undefined },
  ): void {
    const { kind, name, hostnameId, detail } = seen
    this.#sequence += 1
    this.#recent.push({
      sequence: this.#sequence,
      kind,
      name,
      ...(hostnameId !== undefined && { hostnameId }),
      at: this.#clock.now(),
      detail,
    })
    if (this.#recent.length <= MAX_SIGHTINGS) return
    this.#recent.shift()
    this.#dropped.value += 1
  }
}

/** Clients write a part of it: nothing but printable ASCII, and short. */
function inPrint(text: string): string {
  return text.slice(0, MAX_SIGHTING_DETAIL).replace(/[^\x20-\x7e]+/g, '?')
}
