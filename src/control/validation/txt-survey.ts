import { normaliseServerName, type Hostname } from '#domain/hostname.ts'

import {
  isUseless,
  MAX_CNAME_HOPS,
  type AuthoritativeResolver,
  type ServerAnswer,
} from '../dns/resolver.ts'

/** What every authoritative server says of the TXT records of a name, aliases followed. */
export interface TxtSurvey {
  /** The name asked for. */
  name: Hostname
  /** Where its aliases lead; `name` itself where there is none. */
  at: Hostname
  /** Apex of the zone that holds `name`; undefined where it is not known. */
  zone: Hostname | undefined
  servers: readonly ServerAnswer[]
  /** `at` is where some servers have an alias and these others do not, so nothing was followed. */
  withoutAlias?: readonly ServerAnswer[]
}

/** Stands for the servers of a name whose delegation cannot be followed. */
const RESOLVER = 'the resolver'

/** Rejects only with `signal.reason`. */
export async function surveyTxt(
  name: Hostname,
  resolver: AuthoritativeResolver,
  signal: AbortSignal,
): Promise<TxtSurvey> {
  let at = name
  let zone: Hostname | undefined
  for (let hop = 0; hop <= MAX_CNAME_HOPS; hop++) {
    const survey = await resolver.survey(at, 'TXT', signal)
    if (at === name) zone = survey.zone
    const { servers } = survey
    if (servers.length === 0) {
      const answer = await askResolver(at, resolver, signal)
      return { name, at, zone, servers: [answer] }
    }
    const target = servers.map(({ answer }) => aliasOf(answer)).find((each) => each !== undefined)
    if (target === undefined) return { name, at, zone, servers }
    const withoutAlias = servers.filter(isAnswer).filter(({ answer }) => aliasOf(answer) !== target)
    if (withoutAlias.length > 0) return { name, at, zone, servers, withoutAlias }
    at = target
  }
  return { name, at, zone, servers: [] }
}

function aliasOf(answer: ServerAnswer['answer']): Hostname | undefined {
  return answer.outcome === 'alias' ? answer.target : undefined
}

async function askResolver(
  name: Hostname,
  resolver: AuthoritativeResolver,
  signal: AbortSignal,
): Promise<ServerAnswer> {
  const found = await resolver.resolveTxt(name, signal)
  const answer =
    found.outcome === 'found'
      ? { outcome: 'found' as const, values: found.values, ttl: 0 }
      : { outcome: found.outcome }
  return { server: RESOLVER, address: '', answer }
}

/** Whether the server said what it has, rather than nothing of use. */
export function isAnswer({ answer }: ServerAnswer): boolean {
  return !isUseless(answer.outcome)
}

export function hasValue({ answer }: ServerAnswer, value: string): boolean {
  return answer.outcome === 'found' && answer.values.includes(value)
}

/** `ns1.example.net (192.0.2.53)`. */
export function renderServer({
  server,
  address,
}: Pick<ServerAnswer, 'server' | 'address'>): string {
  return address === '' || address === server ? server : `${server} (${address})`
}

/** Several servers in a sentence, cut where there are many. */
export function renderServers(servers: readonly ServerAnswer[]): string {
  const shown = servers.slice(0, 4).map(renderServer)
  const rest = servers.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}

/** Longer than any token of ours or of a CA. */
const MAX_SHOWN_VALUE = 80

/** What anybody may have written, fit for a sentence: quoted, escaped, and cut where it is much. */
export function renderTxtValues(values: readonly string[]): string {
  const shown = values.slice(0, 3).map(renderTxtValue)
  const rest = values.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}

function renderTxtValue(value: string): string {
  const isCut = value.length > MAX_SHOWN_VALUE
  const escaped = value
    .slice(0, MAX_SHOWN_VALUE)
    .replace(/["\\]/g, '\\$&')
    .replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `"${escaped}${isCut ? '…' : ''}"`
}

/**
 * Where people put a record by mistake: with the zone's name appended once more by their DNS host's
 * form, without the prefix, at the zone's own name, or with the prefix twice.
 */
export function listWrongNames(
  name: Hostname,
  { prefix, zone }: { prefix: string; zone: Hostname | undefined },
): Hostname[] {
  const bare = name.slice(prefix.length + 1)
  const candidates = [
    zone && `${name}.${zone}`,
    bare,
    zone && `${prefix}.${zone}`,
    `${prefix}.${name}`,
    zone && `${bare}.${zone}`,
  ]
  const names = candidates
    .map((each) => normaliseServerName(each ?? ''))
    .filter((each) => each !== undefined)
  return [...new Set(names)].filter((each) => each !== name)
}

/** The first of the names where a TXT record has the value. */
export async function findMisplaced(
  value: string,
  { names, resolver }: { names: readonly Hostname[]; resolver: AuthoritativeResolver },
  signal: AbortSignal,
): Promise<Hostname | undefined> {
  const found = await Promise.all(names.map((name) => resolver.resolveTxt(name, signal)))
  return names.find((_, at) => {
    const outcome = found[at]
    return outcome?.outcome === 'found' && outcome.values.includes(value)
  })
}

/** What is to be typed where a form appends the zone by itself; the whole name where it is not known. */
export function relativeName(name: Hostname, zone: Hostname | undefined): string {
  if (zone === undefined || !name.endsWith(`.${zone}`)) return name
  return name.slice(0, -zone.length - 1)
}
