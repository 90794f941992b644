import { z } from 'zod'

import { IssuerError, type IssuerErrorKind } from '../issuer.ts'
import type { AcmeResponse } from './acme-http.ts'

/** RFC 7807, with the types and subproblems of RFC 8555 section 6.7. */
export type Problem = z.infer<typeof problemSchema>

const text = z.string().max(100_000)
/** Without the URN's start: `badNonce`. */
const type = text.transform((urn) => urn.replace(/^urn:ietf:params:acme:error:/, ''))
export const problemSchema = z.object({
  type,
  detail: text.optional(),
  /** A page for people: of new terms of service, for one (RFC 8555 section 7.3.3). */
  instance: z
    .url({ protocol: /^https$/ })
    .max(500)
    .optional()
    .catch(undefined),
  subproblems: z
    .array(z.object({ type: type.optional(), detail: text.optional() }))
    .max(1_000)
    .optional()
    .catch(undefined),
})

/** Undefined where the answer is good, or bad without a problem document. */
export function readProblem({ status, body }: AcmeResponse): Problem | undefined {
  if (status < 400) return undefined
  try {
    return problemSchema.safeParse(JSON.parse(body.toString())).data
  } catch {
    return undefined
  }
}

/** More says nothing that a customer could use, and goes into records and replies. */
const MAX_SENTENCE = 500

/** The CA's own words in one line, as the API shows them. */
export function describeProblem({ type, detail, instance, subproblems = [] }: Problem): string {
  const [first] = subproblems.flatMap((sub) => (sub.detail === undefined ? [] : [sub.detail]))
  const page = type === 'userActionRequired' ? instance : undefined
  const sentence = [detail ?? `The CA reports ${type}`, page, first]
    .filter((part) => part !== undefined)
    .join(' | ')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  return sentence.length > MAX_SENTENCE ? `${sentence.slice(0, MAX_SENTENCE)}…` : sentence
}

/**
 * Whose fault it is that a name could not be validated: the name's, where its DNS, its web server or
 * its CAA records are wrong (RFC 8555 section 6.7); otherwise another CA may do it.
 */
export function faultOf({ type, subproblems = [] }: Problem): 'name' | 'ca' {
  const types = [type, ...subproblems.map((sub) => sub.type ?? '')]
  return types.some((each) => FAULTS_OF_NAMES.has(each)) ? 'name' : 'ca'
}

/** `dnssec` and the like: RFC 8555 lets CAs add types to the registry. */
const FAULTS_OF_NAMES = new Set([
  'caa',
  'connection',
  'dns',
  'dnssec',
  'incorrectResponse',
  'tls',
  'unauthorized',
])

export interface Circumstances {
  /** What the request was about, and so what "not found" means: an order can be opened again. */
  about: 'ca' | 'order' | 'certificate'
  now: number
}

/** What an answer that is not a good one means. */
export function issuerErrorOf(response: AcmeResponse, { about, now }: Circumstances): IssuerError {
  const problem = readProblem(response)
  const retryAfterMs = readRetryAfter(response, now)
  const said = problem ? describeProblem(problem) : `The CA answered ${response.status}.`
  const kind = kindOf(response, problem, about)
  return new IssuerError(kind, said, { retryAfterMs, problemType: problem?.type })
}

/**
 * A 4xx with neither a problem document nor a nonce is not the CA's verdict but somebody's between
 * us: the order is as it was. (Pebble's "no such order" has a nonce and no document.)
 */
function kindOf(
  response: AcmeResponse,
  problem: Problem | undefined,
  about: Circumstances['about'],
): IssuerErrorKind {
  const { status } = response
  if (status === 429 || problem?.type === 'rateLimited') return 'rate-limited'
  if (status >= 500 || status === 408) return 'unavailable'
  const isGone = status === 404 || status === 410
  if (isGone && (problem || response.header('replay-nonce') !== undefined)) {
    return NOT_FOUND[about]
  }
  if (!problem || PASSING_TYPES.has(problem.type)) return 'unavailable'
  return 'rejected'
}

const NOT_FOUND = {
  ca: 'unavailable',
  order: 'unknown-order',
  certificate: 'rejected',
} as const satisfies Record<Circumstances['about'], IssuerErrorKind>

/** Nothing is wrong with the request. */
const PASSING_TYPES = new Set(['badNonce', 'serverInternal'])

const SHORTEST_MS = 1_000
const LONGEST_MS = 24 * 3_600_000

/**
 * Retry-After in either form (RFC 9110 section 10.2.3), in milliseconds: at least a second, so that
 * no answer makes us ask without pause, and at most a day.
 */
export function readRetryAfter(response: AcmeResponse, now: number): number | undefined {
  const value = response.header('retry-after')?.trim()
  if (value === undefined) return undefined
  const ms = msUntil(value, now)
  if (Number.isNaN(ms)) return undefined
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, ms))
}

/** NaN for what is neither seconds nor a date. `Date.parse` alone takes much for a date, such as -5. */
function msUntil(value: string, now: number): number {
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1000
  return /^[A-Za-z]/.test(value) ? Date.parse(value) - now : Number.NaN
}
