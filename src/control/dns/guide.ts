import { delegationBy, levelsOf, type Delegation, type DelegationCache } from './delegation.ts'
import type { Limits } from './exchange.ts'
import { UNREACHABLE, type Failed, type Finding } from './finding.ts'
import type { DnsRecord, Query } from './message.ts'

export interface LookUp extends Limits {
  /** How many look-ups of name servers' addresses lie above this one. */
  depth: number
  /** Delegations below top-level domains are asked for anew. */
  isFresh: boolean
  /** What all its parts share, while `signal` may be that of an attempt among several. */
  whole: {
    signal: AbortSignal
    /** Questions for zones under way, by name. */
    asking: Map<string, Promise<Finding>>
  }
}

export type Ask = (query: Query, lookUp: LookUp) => Promise<Finding>

/** What a recursive server says of a name as the apex of a zone. */
export type AskForZone = (name: string, lookUp: LookUp) => Promise<Finding>

export interface Beginning {
  zone: Delegation
  /** An earlier look-up found it: what it says may be over. */
  isKept: boolean
}

/** Knows where to begin. */
export interface Guide {
  /** The nearest zone known to hold `name`; a failure where none is, or nobody who knows answers. */
  begin(name: string, lookUp: LookUp): Promise<Beginning | Failed>
  /** The A and AAAA records of a name server; empty where it has none. */
  locate(server: string, lookUp: LookUp): Promise<readonly DnsRecord[]>
}

/** Begins at the roots, or below at what is kept of earlier look-ups. */
export function createRootGuide(
  root: Delegation,
  { cache, ask }: { cache: DelegationCache; ask: Ask },
): Guide {
  return {
    async begin(name, { isFresh }) {
      const kept = cache.findClosest(name, isFresh ? 1 : undefined)
      return { zone: kept ?? root, isKept: kept !== undefined }
    },
    locate: (server, lookUp) => locateBy(ask, server, lookUp),
  }
}

/**
 * Begins where a recursive server sees the name, so that what only the company's own servers know is
 * found too. It is asked for no more than the zone: what the recursive keeps of a name that was not
 * there yet stands in nobody's way, because a zone cut made since is seen at the zone above.
 */
export function createRecursiveGuide(
  askRecursive: Ask,
  { cache, askForZone }: { cache: DelegationCache; askForZone: AskForZone },
): Guide {
  return {
    async begin(name, lookUp) {
      let levels = levelsOf(name)
      for (let [level] = levels; level !== undefined; [level] = levels) {
        const kept = lookUp.isFresh ? undefined : cache.find(level)
        if (kept) return { zone: kept, isKept: true }
        const finding = await askForZone(level, lookUp)
        if (finding.kind === 'records') {
          const zone = delegationBy(finding.records, level)
          cache.put(zone)
          return { zone, isKept: false }
        }
        if (finding.kind === 'failed' && finding.silence !== undefined) return finding
        levels = levels.slice(levels.length - heightOf(finding, levels))
      }
      return UNREACHABLE
    },
    locate: (server, lookUp) => locateBy(askRecursive, server, lookUp),
  }
}

/** How many levels remain to be looked at: those of the zone that denied the name, or one less. */
function heightOf(finding: Finding, levels: readonly string[]): number {
  const next = levels.length - 1
  if (finding.kind !== 'absent' || finding.apex === undefined) return next
  return finding.apex === '' ? 0 : Math.min(next, levelsOf(finding.apex).length)
}

async function locateBy(ask: Ask, name: string, lookUp: LookUp): Promise<readonly DnsRecord[]> {
  const below = { ...lookUp, depth: lookUp.depth + 1, isFresh: false }
  const found = await Promise.all([
    ask({ name, type: 'A' }, below),
    ask({ name, type: 'AAAA' }, below),
  ])
  return found.flatMap((finding) => (finding.kind === 'records' ? finding.records : []))
}
