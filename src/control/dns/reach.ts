import type { Clock } from '#lib/clock.ts'

import type { Exchange } from './exchange.ts'

/**
 * Whether this network lets us ask authoritative servers at all: behind a firewall that only the
 * company's own resolver may pass, every question of ours would end in silence.
 */
export interface Reach {
  /** The same, watched. */
  readonly exchange: Exchange
  /** Nobody answered for long, and several did not just now. */
  isBlocked(): boolean
}

/** Questions in a row without a reply. One dead zone has about as many servers. */
const SILENCES = 4
/** A reply shows that the way is open; a stranger's dead zone in a quiet hour must not close it long. */
const REPLY_HOLDS_MS = 300_000
const BLOCKED_MS = 60_000

export function watchReach(exchange: Exchange, clock: Pick<Clock, 'now'>): Reach {
  let silences = 0
  let repliedAt = -Infinity
  let silentAt = -Infinity
  return {
    async exchange(server, query, limits) {
      const isAsked = !limits.timeUp.aborted
      const heard = await exchange(server, query, limits)
      if (heard === 'spent' || !isAsked) return heard
      const isSilent = typeof heard === 'string' && heard !== 'malformed'
      silences = isSilent ? silences + 1 : 0
      if (isSilent) silentAt = clock.now()
      else repliedAt = clock.now()
      return heard
    },
    isBlocked() {
      const now = clock.now()
      const isOpen = now - repliedAt < REPLY_HOLDS_MS || now - silentAt > BLOCKED_MS
      return !isOpen && silences >= SILENCES
    },
  }
}
