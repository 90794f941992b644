import type { Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import { startDeadline } from '#lib/deadline.ts'

import type { DnsAddress, DnsFailure, Resolver } from '../dns/resolver.ts'
import { NO_MARKS, type AnswerMarks } from './answer-marks.ts'
import { DNS_FAILURES, noUsableAddress } from './dns-failures.ts'
import { getFrom, type GetFailure, type GetResult } from './well-known-get.ts'
import { parseRedirect, renderTarget, type WellKnownTarget } from './well-known-target.ts'

export interface WellKnownRequest {
  hostname: Hostname
  /** From the slash on. */
  path: string
  userAgent: string
  /** Only over addresses of this family; of hosts redirected to, where they have such. */
  family?: 4 | 6
}

export type WellKnownOutcome =
  /** Status 200; each byte a character. */
  | { outcome: 'answered'; body: string; from?: AnswerSource }
  /** `problem`: one sentence for the customer, out of a fixed set: nothing fetched stands in it. */
  | { outcome: 'failed'; kind: WellKnownFailure; problem: string; from?: AnswerSource }

/**
 * Who took the connection for the hostname itself, whatever was redirected to then; absent where
 * nobody did.
 */
export interface AnswerSource {
  address: string
  marks: AnswerMarks
}

export type WellKnownFailure = GetFailure | DnsFailure | 'address' | 'status' | 'redirect'

/** Rejects only with `signal.reason`. */
export type FetchWellKnown = (
  request: WellKnownRequest,
  signal: AbortSignal,
) => Promise<WellKnownOutcome>

export interface WellKnownFetchOptions {
  resolver: Resolver
  clock: Clock
  /** Where hostnames are asked over plain HTTP: 80, but for tests and demos. */
  port: number
  /** For everything together, in milliseconds. @default 10000 (as Let's Encrypt) */
  deadlineMs?: number
  /** @default 4096 */
  maxBodyBytes?: number
}

/** As many redirects as Let's Encrypt follows. */
const MAX_REDIRECTS = 10
/** Addresses tried of one name: a hostname's owner must not make us knock at a thousand doors. */
const MAX_ADDRESSES = 8
const REDIRECT_STATUSES = [301, 302, 303, 307, 308]

/**
 * GET over plain HTTP, as a CA's validation does it (RFC 8555 section 8.3): our own look-up, IPv6
 * before IPv4, the next address only where none answered the connection, redirects followed within
 * the rules of well-known-target.ts, certificates of redirect targets not verified.
 */
export function createWellKnownFetch(options: WellKnownFetchOptions): FetchWellKnown {
  const { clock, deadlineMs = 10_000, maxBodyBytes = 4_096 } = options
  return async (request, signal) => {
    signal.throwIfAborted()
    using deadline = startDeadline(deadlineMs, { clock, signal })
    const run: Run = {
      ...options,
      maxBodyBytes,
      request,
      signal: deadline.signal,
      deadlineAt: clock.now() + deadlineMs,
      from: undefined,
    }
    try {
      return withSource(await follow(run), run)
    } catch (error) {
      if (!deadline.isOver) throw error
      return withSource(fail('timeout', `${nameOf(run)} did not answer in time.`), run)
    } finally {
      signal.throwIfAborted()
    }
  }
}

interface Run extends WellKnownFetchOptions {
  maxBodyBytes: number
  request: WellKnownRequest
  signal: AbortSignal
  /** Milliseconds since the epoch. */
  deadlineAt: number
  /** Known once the hostname's own address took the connection. */
  from: AnswerSource | undefined
}

function withSource(outcome: WellKnownOutcome, { from }: Run): WellKnownOutcome {
  return from ? { ...outcome, from } : outcome
}

/** With the address, where only one family was to be asked: then it matters which of the two it was. */
function nameOf({ request: { hostname, family }, from }: Run): string {
  return family && from ? `${hostname} (${from.address})` : hostname
}

async function follow(run: Run): Promise<WellKnownOutcome> {
  const { hostname, path } = run.request
  const visited = new Set<string>()
  let target: WellKnownTarget = { scheme: 'http', host: hostname, port: run.port, path }
  while (visited.size <= MAX_REDIRECTS) {
    if (visited.has(renderTarget(target))) {
      return fail('redirect', `The redirects of ${nameOf(run)} lead in a circle.`)
    }
    const isFirst = visited.size === 0
    visited.add(renderTarget(target))
    const result = await getFromAny(target, { run, isFirst })
    if ('outcome' in result) return result
    if (!REDIRECT_STATUSES.includes(result.status) || result.location === undefined) {
      return judge(result, subjectOf({ run, isFirst }))
    }
    const next = parseRedirect(result.location, target, run.port)
    if ('refused' in next) return fail('redirect', REFUSED_REDIRECTS[next.refused](nameOf(run)))
    target = next
  }
  return fail('redirect', `${nameOf(run)} redirects more than ${MAX_REDIRECTS} times.`)
}

const REFUSED_REDIRECTS = {
  form: (name: string) => `${name} redirects to something that is not a web address.`,
  host: (name: string) => `${name} redirects to something that is not a host name.`,
  port: (name: string) => `${name} redirects to a port other than 80 and 443.`,
}

type Answered = Extract<GetResult, { kind: 'answered' }>
type Failed = Extract<WellKnownOutcome, { outcome: 'failed' }>

/** One request of the chain that redirects make. */
interface Hop {
  run: Run
  /** To the hostname itself, before any redirect. */
  isFirst: boolean
}

function subjectOf({ run, isFirst }: Hop, address?: DnsAddress): string {
  const { hostname, family } = run.request
  if (!isFirst) return `A host that ${nameOf(run)} redirects to`
  return family && address ? `${hostname} (${address.address})` : nameOf(run)
}

function judge({ status, body }: Answered, subject: string): WellKnownOutcome {
  if (status === 200) return { outcome: 'answered', body }
  return fail('status', `${subject} answered with status ${status}, not 200.`)
}

/** One address after the other until one takes the connection. */
async function getFromAny(target: WellKnownTarget, hop: Hop): Promise<Answered | Failed> {
  const { run, isFirst } = hop
  const found = await findAddresses(target.host, hop)
  if ('outcome' in found) return found
  let problem = fail('unreachable', '')
  for (const [index, address] of found.entries()) {
    const remaining = run.deadlineAt - run.clock.now()
    const connectMs = remaining / (found.length - index)
    const result = await getFrom(target, { ...run, ...run.request, address, connectMs })
    const marks = result.kind === 'answered' ? result.marks : NO_MARKS
    const isConnected = result.kind === 'answered' || result.isConnected
    if (isFirst && isConnected) run.from = { address: address.address, marks }
    if (result.kind === 'answered') return result
    const { failure } = result
    problem = fail(failure, FAILURES[failure](subjectOf(hop, address), target.port))
    if (isConnected || run.signal.aborted) break
  }
  return problem
}

async function findAddresses(host: Hostname, hop: Hop): Promise<readonly DnsAddress[] | Failed> {
  const { resolver, signal, request } = hop.run
  const subject = subjectOf(hop)
  const found = await resolver.resolveAddresses(host, signal)
  if (found.outcome !== 'found') return fail(found.outcome, DNS_FAILURES[found.outcome](subject))
  const usable = found.values.filter(({ flaw }) => flaw === undefined)
  if (usable.length === 0) return fail('address', refusalOf(found.values, hop))
  const wanted = usable.filter(({ family }) => family === (request.family ?? family))
  if (wanted.length === 0 && hop.isFirst) {
    return fail('nodata', `${subject} has no ${request.family === 6 ? 'AAAA' : 'A'} record.`)
  }
  return pickAddresses(wanted.length > 0 ? wanted : usable)
}

/** Of hosts redirected to the address is not told: it may be one that only our own DNS knows. */
function refusalOf(found: readonly DnsAddress[], hop: Hop): string {
  const subject = subjectOf(hop)
  if (hop.isFirst) return noUsableAddress(subject, found)
  return `${subject} has an address which is ${found[0]?.flaw}: the CA cannot reach it.`
}

/** IPv6 first, but never so many that IPv4 is not tried. */
function pickAddresses(all: readonly DnsAddress[]): DnsAddress[] {
  const six = all.filter(({ family }) => family === 6).slice(0, MAX_ADDRESSES / 2)
  const four = all.filter(({ family }) => family === 4).slice(0, MAX_ADDRESSES / 2)
  return [...six, ...four]
}

const FAILURES = {
  refused: (subject, port) => `${subject} refused the connection on port ${port}.`,
  unreachable: (subject, port) => `${subject} cannot be reached on port ${port}.`,
  timeout: (subject, port) => `${subject} did not answer on port ${port} in time.`,
  protocol: (subject, port) => `${subject} did not answer on port ${port} with valid HTTP.`,
  'too-large': (subject) => `${subject} answered with a body that is too large.`,
} as const satisfies Record<GetFailure, (subject: string, port: number) => string>

function fail(kind: WellKnownFailure, problem: string): Failed {
  return { outcome: 'failed', kind, problem }
}
