import { parentOf, type Hostname } from '#domain/hostname.ts'

import { findThroughAliases, type AskFor } from './aliases.ts'
import type { CaaOutcome } from './resolver.ts'

/**
 * RFC 8659 section 3: from the name towards the root, the first level with a record set ends the
 * climb, whatever is in it. The tree of an alias's target is not climbed. The root itself is not
 * asked.
 */
export async function climbForCaa(ask: AskFor, name: Hostname): Promise<CaaOutcome> {
  for (let at: Hostname | undefined = name; at !== undefined; at = parentOf(at)) {
    const finding = await findThroughAliases(ask, at, 'CAA')
    if (finding.kind === 'failed') return { outcome: finding.outcome, at }
    if (finding.kind === 'records') {
      const records = finding.records.flatMap((each) => (each.type === 'CAA' ? [each.caa] : []))
      return { outcome: 'found', at, records }
    }
  }
  return { outcome: 'none' }
}
