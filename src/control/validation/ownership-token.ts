import { normaliseServerName, type Hostname } from '#domain/hostname.ts'

import type { AuthoritativeResolver } from '../dns/resolver.ts'
import { judgeTxt, type TxtSighting } from './judge-txt.ts'
import { findMisplaced, hasValue, isAnswer, listWrongNames, surveyTxt } from './txt-survey.ts'

const PREFIX = '_cf-custom-hostname'

/** Where the ownership token may stand as a TXT record; undefined for names too long to have it. */
export function ownershipTxtName(hostname: Hostname): Hostname | undefined {
  return normaliseServerName(`${PREFIX}.${hostname}`)
}

/** @returns undefined for names too long for a record below them */
export async function lookForToken(
  { hostname, token }: { hostname: Hostname; token: string },
  resolver: AuthoritativeResolver,
  signal: AbortSignal,
): Promise<TxtSighting | undefined> {
  const name = ownershipTxtName(hostname)
  if (name === undefined) return undefined
  const survey = await surveyTxt(name, resolver, signal)
  if (survey.servers.some((server) => hasValue(server, token))) {
    return { survey, value: token, misplaced: undefined }
  }
  const names = listWrongNames(name, { prefix: PREFIX, zone: survey.zone })
  const misplaced = await findMisplaced(token, { names, resolver }, signal)
  return { survey, value: token, misplaced }
}

export type TokenVerdict =
  | { isProved: true }
  /** `problem`: empty where the customer did not try this way. */
  | { isProved: false; problem: string }

export function judgeToken(sighting: TxtSighting | undefined): TokenVerdict {
  if (!sighting) return { isProved: false, problem: '' }
  const problem = judgeTxt(sighting)
  if (problem === undefined) return { isProved: true }
  return { isProved: false, problem: wasTried(sighting) ? problem : '' }
}

function wasTried({ survey, misplaced }: TxtSighting): boolean {
  const isThere = survey.servers.some(
    (server) => isAnswer(server) && (server.answer.outcome === 'found' || survey.withoutAlias),
  )
  return misplaced !== undefined || isThere || survey.at !== survey.name
}
