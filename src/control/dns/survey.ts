import { normaliseServerName, type Hostname } from '#domain/hostname.ts'

import { failureOf } from './aliases.ts'
import type { Delegation } from './delegation.ts'
import type { Finding } from './finding.ts'
import type { LookUp } from './guide.ts'
import { isUseless, type ServerAnswer, type Survey, type SurveyType } from './resolver.ts'
import type { Upstreams } from './upstreams.ts'
import type { ZoneWalk } from './zone-walk.ts'

export interface SurveyQuery {
  name: Hostname
  type: SurveyType
}

/** Asks all servers of the zone that holds the name. */
export async function surveyZone(
  { name, type }: SurveyQuery,
  { walk, lookUp }: { walk: ZoneWalk; lookUp: LookUp },
): Promise<Survey> {
  const found = await walk.findZone(name, lookUp)
  if (found === undefined) return { zone: undefined, servers: [] }
  const zone = await walk.locate(found, lookUp)
  const doors = doorsOf(zone)
  const findings = await Promise.all(
    doors.map(({ endpoint }) => {
      const asked = { query: { name, type }, zone: zone.apex }
      return endpoint ? walk.askServer(endpoint, asked, lookUp) : NOWHERE
    }),
  )
  const all = doors.map((door, index) => ({ ...door, finding: findings[index] ?? NOWHERE }))
  const told = all.filter(({ finding }) => !isUnreachable(finding))
  return {
    zone: normaliseServerName(zone.apex),
    servers: (told.length > 0 ? told : all).map(({ server, endpoint, finding }) => ({
      server,
      address: endpoint?.address ?? '',
      answer: toAnswer(finding),
    })),
  }
}

/** Addresses asked: eight servers with two each. */
const MAX_SURVEYED = 16
const NOWHERE: Finding = { kind: 'failed', outcome: 'servfail' }

interface Door {
  server: string
  /** Undefined: the server's name has no address that may be asked. */
  endpoint: { address: string; port: number } | undefined
}

function doorsOf({ servers }: Delegation): Door[] {
  const doors = servers.flatMap(({ name, endpoints = [] }) => {
    const known = endpoints.length > 0 ? endpoints : [undefined]
    return known.map((endpoint) => ({ server: name, endpoint }))
  })
  return doors.slice(0, MAX_SURVEYED)
}

/** That this machine has no IPv6, or no IPv4, says nothing about the server. */
function isUnreachable(finding: Finding): boolean {
  return finding.kind === 'failed' && finding.silence === 'unreachable'
}

/** What recursive servers say, for where authoritative ones cannot be reached. */
export async function surveyUpstreams(
  { name, type }: SurveyQuery,
  { upstreams, lookUp }: { upstreams: Upstreams; lookUp: LookUp },
): Promise<ServerAnswer[]> {
  const told = await upstreams.askEach({ name, type }, lookUp)
  return told.map(({ server: { address }, finding }) => ({
    server: address,
    address,
    answer: toAnswer(finding),
  }))
}

/** Whether any of them has an answer. */
export function isAnswered(servers: readonly ServerAnswer[]): boolean {
  return servers.some(({ answer }) => !isUseless(answer.outcome))
}

function toAnswer(finding: Finding): ServerAnswer['answer'] {
  switch (finding.kind) {
    case 'records': {
      const { records } = finding
      const values = records.map(({ value }) => value).sort()
      return { outcome: 'found', values, ttl: Math.min(...records.map(({ ttl }) => ttl)) }
    }
    case 'alias':
      return { outcome: 'alias', target: finding.target }
    default:
      return { outcome: failureOf(finding) }
  }
}
