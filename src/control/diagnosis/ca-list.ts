import type { Issuers } from '../ca/issuers.ts'
import type { LookOptions } from './look.ts'

/** Of each CA that may issue for a record, how CAA permits it; a CA that cannot say now is left out. */
export function createCaList(issuers: Issuers): LookOptions['listCas'] {
  return async ({ ssl }, signal) => {
    const { certificateAuthority } = ssl ?? {}
    const candidates = issuers.listCandidates({ certificateAuthority })
    const identities = await Promise.allSettled(
      candidates.map((issuer) => issuer.listCaaIdentities(signal)),
    )
    return candidates.flatMap(({ title }, at) => {
      const known = identities[at]
      return known?.status === 'fulfilled' ? [{ title, caaIdentities: known.value }] : []
    })
  }
}
