import type { Issuer } from './issuer.ts'

/** The CAs that are set up, in the order in which they are tried. */
export interface Issuers {
  /** The one of that name; undefined where the settings no longer have it. */
  find(name: string): Issuer | undefined
  /** Who may be asked, the best first. Never empty. */
  listCandidates(wish: IssuerWish): readonly Issuer[]
}

export interface IssuerWish {
  /** As the API has it; undefined, '' or a CA that is not set up: the default order. */
  certificateAuthority: string | undefined
  /** Names of those that failed lately: they come last. */
  avoid?: readonly string[]
}

/** @throws {RangeError} no CA, or two of one name */
export function createIssuers(issuers: readonly Issuer[]): Issuers {
  const byName = new Map(issuers.map((issuer) => [issuer.name, issuer]))
  if (issuers.length === 0) throw new RangeError('issuers must have one CA or more: received none')
  if (byName.size < issuers.length) throw new RangeError('issuers must each have their own name')
  return {
    find: (name) => byName.get(name),
    listCandidates({ certificateAuthority, avoid = [] }) {
      const named = issuers.filter(({ apiName }) => apiName && apiName === certificateAuthority)
      const allowed = named.length > 0 ? named : issuers
      const isAvoided = ({ name }: Issuer): boolean => avoid.includes(name)
      return [...allowed.filter((one) => !isAvoided(one)), ...allowed.filter(isAvoided)]
    },
  }
}
