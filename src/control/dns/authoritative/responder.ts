import { normaliseServerName } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'

import { CLASS_IN, isMetaType, TYPE } from '../wire.ts'
import type { DnsMetrics } from './dns-metrics.ts'
import type { Found, Lookups, Transport } from './lookups.ts'
import type { ReadableQuery } from './query.ts'
import { encodeBody, type OwnedRecord, type Response } from './response.ts'
import { UNKEPT_TTL_S, type FixedName, type ServedZone } from './served-zone.ts'

export interface ResponderOptions {
  zone: ServedZone
  lookups: Lookups
  metrics: DnsMetrics
  clock: Pick<Clock, 'now'>
  log: Logger
}

/** Says what is to be answered; `truncate`: that the sender should ask again by TCP. */
export type Responder = (
  query: ReadableQuery,
  transport: Transport,
) => Promise<Response | 'truncate'>

const LOG_EVERY_MS = 60_000
const UUID = /^[0-9a-f]{16}$/

export function createResponder(options: ResponderOptions): Responder {
  const { zone, lookups, metrics, clock, log } = options
  const sayFailure = createFailureLog(log, clock)

  /** @param relative not empty: the zone's own name is fixed */
  async function findBelow(relative: readonly string[], transport: Transport): Promise<Found> {
    const delegationUuid = relative.at(-1) ?? ''
    if (!UUID.test(delegationUuid)) return undefined
    if (relative.length === 1) {
      return (await lookups.hasDelegation(delegationUuid)) ? [] : undefined
    }
    const hostname = hostnameOf(relative.slice(0, -1))
    return hostname && lookups.findTxt({ hostname, delegationUuid, transport })
  }

  return async ({ question, edns }, transport) => {
    if (edns && edns.version > 0) return { rcode: 'BADVERS' }
    const relative = zone.relativeLabels(question.name.labels)
    if (!relative || question.class !== CLASS_IN || isMetaType(question.type)) {
      return { rcode: 'REFUSED' }
    }
    const fixed = zone.findFixed(relative)
    if (fixed) return answerFixed(fixed, question.type, zone)
    try {
      const found = await findBelow(relative, transport)
      if (found !== 'busy') return answerFound(found, question.type, zone)
      metrics.postponed.value += 1
      return transport === 'udp' ? 'truncate' : { rcode: 'SERVFAIL' }
    } catch (error) {
      sayFailure(error)
      return { rcode: 'SERVFAIL' }
    }
  }
}

function hostnameOf(labels: readonly string[]): ReturnType<typeof normaliseServerName> {
  return labels.some((label) => label.includes('.'))
    ? undefined
    : normaliseServerName(labels.join('.'))
}

function answerFixed({ records, glue }: FixedName, type: number, zone: ServedZone): Response {
  if (type === TYPE.ANY && records.size > 0) return found([ANY_ANSWER])
  const bodies = records.get(type) ?? []
  if (bodies.length === 0) return denial('NOERROR', zone)
  const answer = found(bodies)
  return type === TYPE.NS ? { ...answer, additional: glue } : answer
}

function answerFound(
  values: readonly string[] | undefined,
  type: number,
  zone: ServedZone,
): Response {
  if (!values) return denial('NXDOMAIN', zone)
  if (values.length === 0) return denial('NOERROR', zone)
  if (type === TYPE.ANY) return found([ANY_ANSWER])
  if (type !== TYPE.TXT) return denial('NOERROR', zone)
  return found(values.map((value) => encodeBody({ type: 'TXT', ttl: UNKEPT_TTL_S, data: [value] })))
}

/** Says that there is something and that ANY does not say what (RFC 8482 section 4.2). */
const ANY_ANSWER = encodeBody({
  type: 'HINFO',
  ttl: UNKEPT_TTL_S,
  data: { cpu: 'RFC8482', os: '' },
})

function found(bodies: readonly Buffer[]): Response {
  const answers = bodies.map((body): OwnedRecord => ({ owner: 'question', body }))
  return { rcode: 'NOERROR', isAuthoritative: true, answers }
}

/** No such name, or no such record (RFC 2308 section 2). */
function denial(rcode: 'NXDOMAIN' | 'NOERROR', zone: ServedZone): Response {
  return { rcode, isAuthoritative: true, authority: [zone.denial] }
}

/** One line a minute, however many ask. */
function createFailureLog(log: Logger, clock: Pick<Clock, 'now'>): (error: unknown) => void {
  let saidAt = -Infinity
  return (error) => {
    if (Math.abs(clock.now() - saidAt) < LOG_EVERY_MS) return
    saidAt = clock.now()
    log.warn({ err: error }, 'DNS answers SERVFAIL: names cannot be looked up')
  }
}
