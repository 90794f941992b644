import type { ChallengeType } from '#domain/order.ts'

import type { CaaRecord } from '../dns/resolver.ts'

/** Of the CA that is to issue, and how. */
export interface CaaApplicant {
  /** Issuer domain names; a record for any one of them permits. */
  identities: readonly string[]
  /** Its account there (RFC 8657 section 3); undefined: not known, so it forbids nothing. */
  accountUri?: string | undefined
  /** Challenge types that may be used (RFC 8657 section 4); undefined: not known. */
  methods?: readonly ChallengeType[] | undefined
}

export type CaaVerdict =
  | { isPermitted: true }
  /** `tag` is that of the record to be added; `names` are those that are permitted instead. */
  | { isPermitted: false; reason: CaaReason; tag: 'issue' | 'issuewild'; names: readonly string[] }

export type CaaReason =
  /** Others only, or nobody (`;`). */
  | 'others'
  /** A critical property that CAs do not know (RFC 8659 section 4.1). */
  | 'critical'
  /** This CA, but for another account. */
  | 'account'
  /** This CA, but proved in another way. */
  | 'method'

/** Properties that CAs know, though only the first two say anything of a web certificate. */
const KNOWN_TAGS = new Set(['issue', 'issuewild', 'iodef', 'issuemail'])
/** Far above what any property needs; a longer one grants nothing. */
const MAX_VALUE = 2_048

/**
 * Whether one relevant record set permits the CA (RFC 8659 section 4).
 *
 * @param wildcard the certificate is for `*.<name>`: `issuewild` then takes the place of `issue`
 */
export function judgeCaa(
  records: readonly CaaRecord[],
  applicant: CaaApplicant,
  { wildcard }: { wildcard: boolean },
): CaaVerdict {
  const hasWild = records.some(({ tag }) => tag.toLowerCase() === 'issuewild')
  const tag = wildcard && hasWild ? 'issuewild' : 'issue'
  const deny = (reason: CaaReason, names: readonly string[] = []): CaaVerdict => ({
    isPermitted: false,
    reason,
    tag,
    names,
  })
  const unknown = records.find((one) => one.critical && !KNOWN_TAGS.has(one.tag.toLowerCase()))
  if (unknown) return deny('critical', [unknown.tag])
  const relevant = records.filter((record) => record.tag.toLowerCase() === tag)
  if (relevant.length === 0) return { isPermitted: true }
  const grants = relevant.map(({ value }) => parseGrant(value))
  const identities = applicant.identities.map((name) => name.toLowerCase())
  const ours = grants.filter(({ name }) => identities.includes(name))
  if (ours.length === 0) {
    const names = grants.map(({ name }) => name).filter((name) => name !== '')
    return deny('others', [...new Set(names)])
  }
  const reasons = ours.map((grant) => restrictionOf(grant, applicant))
  if (reasons.includes(undefined)) return { isPermitted: true }
  return deny(reasons[0] ?? 'others')
}

interface Grant {
  /** In lower case; empty: it grants nobody anything. */
  name: string
  parameters: ReadonlyMap<string, string>
}

const LABEL = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'
const ISSUER = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`)
const PARAMETER = /^([a-z0-9]+)[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)$/i
/** What cannot be parsed grants nothing (section 4.2). */
const NOBODY: Grant = { name: '', parameters: new Map() }

/** `letsencrypt.org; validationmethods=dns-01` (RFC 8659 section 4.2). */
function parseGrant(value: string): Grant {
  if (value.length > MAX_VALUE) return NOBODY
  const [first = '', ...rest] = value.split(';').map((part) => part.trim())
  const name = first.toLowerCase().replace(/\.$/, '')
  if (!ISSUER.test(name)) return NOBODY
  const parameters = new Map<string, string>()
  for (const part of rest) {
    if (part === '') continue
    const [, tag, text = ''] = PARAMETER.exec(part) ?? []
    if (tag === undefined) return NOBODY
    parameters.set(tag.toLowerCase(), text)
  }
  return { name, parameters }
}

function restrictionOf(
  { parameters }: Grant,
  { accountUri, methods }: CaaApplicant,
): CaaReason | undefined {
  const account = parameters.get('accounturi')
  if (account !== undefined && accountUri !== undefined && account !== accountUri) return 'account'
  const allowed = parameters.get('validationmethods')?.toLowerCase().split(',')
  if (allowed && methods && !methods.some((method) => allowed.includes(method))) return 'method'
  return undefined
}
