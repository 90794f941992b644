import { LRUCache } from 'lru-cache'

import type { Clock } from '#lib/clock.ts'

import type { Finding } from './finding.ts'
import type { Ask, AskForZone, LookUp } from './guide.ts'

/**
 * So long a name that is no apex is not asked for again, in milliseconds: about the time of the dozen
 * look-ups with which a hostname is proved. Nobody waits for it: a zone that was made of the name since
 * is seen by whoever is asked instead, the servers of the zone above or the recursive server.
 */
const NO_ZONE_MS = 3_000
const MAX_KEPT = 10_000

/** Asks each question but once side by side in one look-up. Apexes are not kept here. */
export function createZoneQuestions(
  ask: Ask,
  { clock }: { clock: Pick<Clock, 'now'> },
): AskForZone {
  const kept = new LRUCache<string, { finding: Finding; at: number }>({ max: MAX_KEPT })
  const findKept = (name: string): Finding | undefined => {
    const entry = kept.get(name)
    return entry && Math.abs(clock.now() - entry.at) < NO_ZONE_MS ? entry.finding : undefined
  }
  const askAnew = async (name: string, lookUp: LookUp): Promise<Finding> => {
    const { signal, asking } = lookUp.whole
    try {
      const finding = await ask({ name, type: 'NS' }, { ...lookUp, signal })
      if (isWorthKeeping(finding, lookUp)) kept.set(name, { finding, at: clock.now() })
      return finding
    } finally {
      asking.delete(name)
    }
  }
  return (name, lookUp) => {
    const known = lookUp.isFresh ? undefined : findKept(name)
    if (known) return Promise.resolve(known)
    const { asking } = lookUp.whole
    const asked = asking.get(name) ?? askAnew(name, lookUp)
    asking.set(name, asked)
    return asked
  }
}

/** Neither silence, nor a question that was not even sent, says anything of the name. */
function isWorthKeeping(finding: Finding, { budget }: LookUp): boolean {
  if (finding.kind === 'failed') return finding.silence === undefined && budget.messages > 0
  return finding.kind !== 'records'
}
