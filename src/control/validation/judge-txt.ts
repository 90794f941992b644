import type { Hostname } from '#domain/hostname.ts'

import { isUseless, type ServerAnswer, type UselessOutcome } from '../dns/resolver.ts'
import { DNS_FAILURES } from './dns-failures.ts'
import {
  hasValue,
  isAnswer,
  relativeName,
  renderServer,
  renderServers,
  renderTxtValues,
  type TxtSurvey,
} from './txt-survey.ts'

/** What is known of a TXT record that must have one value at every authoritative server. */
export interface TxtSighting {
  survey: TxtSurvey
  value: string
  /** Where the value stands instead; looked for where no server has it at the right name. */
  misplaced: Hostname | undefined
  /** Where our own delegation zone is; undefined: there is none. */
  dcvZone?: string | undefined
}

/**
 * In one sentence what to change; undefined where all is well. Servers that give no answer do not
 * count where others do: a resolver goes on to the next one.
 */
export function judgeTxt(sighting: TxtSighting): string | undefined {
  const { survey, value } = sighting
  const answering = survey.servers.filter(isAnswer)
  if (survey.servers.length === 0) return `The aliases of ${survey.name} lead in a circle.`
  if (survey.withoutAlias) {
    const [without] = [renderServers(survey.withoutAlias)]
    return `${without} does not have the CNAME record at ${survey.at} that the other name servers have: wait until it has, or correct it.`
  }
  if (answering.length === 0) return nobodyAnswers(survey)
  const lacking = answering.filter((server) => !hasValue(server, value))
  if (lacking.length === 0) return undefined
  if (lacking.length < answering.length) {
    const having = answering.filter((server) => hasValue(server, value))
    return `${renderServers(lacking)} does not have the TXT record at ${survey.at} yet, ${renderServers(having)} has: wait until all name servers have it.`
  }
  return nobodyHas(sighting)
}

function nobodyHas({ survey, value, misplaced, dcvZone }: TxtSighting): string {
  const { name, at, zone, servers } = survey
  if (misplaced !== undefined) {
    const wanted = relativeName(name, zone)
    const hint = wanted === name ? '' : `: enter "${wanted}" as its name at the DNS host`
    return `The TXT record stands at ${misplaced}, not at ${name}${hint}.`
  }
  if (at !== name) return wrongDelegation(survey, { value, dcvZone })
  const others = [...new Set(servers.flatMap(({ answer }) => valuesOf(answer)))]
  const found = others.length > 0 ? foundInstead(others) : 'has no TXT record'
  return `${name} ${found}: add the TXT record ${name} with the value ${value}.`
}

function foundInstead(values: readonly string[]): string {
  const shown = renderTxtValues(values)
  return values.length === 1 ? `has another value, ${shown}` : `has other values, ${shown}`
}

function wrongDelegation(
  { name, at }: TxtSurvey,
  { value, dcvZone }: { value: string; dcvZone: string | undefined },
): string {
  if (dcvZone !== undefined && at.endsWith(`.${dcvZone}`)) {
    return `${name} is delegated to ${at}, as it should be, but the value is not there yet.`
  }
  return `${name} is an alias of ${at}, where the value ${value} is not: a CNAME record left from another provider must be removed.`
}

function nobodyAnswers({ at, servers }: TxtSurvey): string {
  const isOurs = servers.every(({ answer }) => answer.outcome === 'unheard')
  if (isOurs) return DNS_FAILURES.unheard(at)
  const said = servers
    .slice(0, 4)
    .map((server) => `${renderServer(server)} ${SILENCE[failureOf(server)]}`)
    .join(', ')
  return `No name server answers for ${at}: ${said}.`
}

const SILENCE = {
  servfail: 'fails',
  timeout: 'does not answer',
  unheard: 'does not answer',
} as const satisfies Record<UselessOutcome, string>

function failureOf({ answer: { outcome } }: ServerAnswer): UselessOutcome {
  return isUseless(outcome) ? outcome : 'servfail'
}

function valuesOf(answer: ServerAnswer['answer']): readonly string[] {
  return answer.outcome === 'found' ? answer.values : []
}
